// Everything that a training step does on a CUDA device.
#include "products.cu"
#include "step.cu"
#include "lottery.cu"
