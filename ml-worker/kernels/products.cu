// The products of a step, each with what becomes of its sums, on tensor cores and by sums of four products.
#include "dots.cuh"
#include "tensor.cuh"

#define OPERANDS const i8 *a, u32 lda, const i8 *b, u32 ldb, u32 tiles, u32 rows, u32 cols
#define DRAWS u32 rank, u32 chunks, const i8 *left, const i8 *right, u32 ld_factors, const Control *control, u32 *words
#define UNPACK(...) __VA_ARGS__

// A product `name` whose sums go to EPILOGUE, made of the further PARAMETERS.
#ifdef TENSOR_CORES
#define ON_TENSOR_CORES(Shape, name, PARAMETERS, EPILOGUE)                                                                 \
    extern "C" __global__ void __launch_bounds__(TENSOR_THREADS, TENSOR_BLOCKS)                                            \
        quern_tensor_##name(OPERANDS, UNPACK PARAMETERS) {                                                                 \
        SHARED_MEMORY(memory);                                                                                             \
        Place place(rows, cols, Shape::SIDE);                                                                              \
        tensor_product<Shape>(memory, Operand(a, lda, place.row), Operand(b, ldb, place.col), tiles, place, Plain(),       \
                              EPILOGUE);                                                                                   \
    }
#define DRAWS_ON_TENSOR_CORES(name, PARAMETERS, EPILOGUE)                                                                  \
    extern "C" __global__ void __launch_bounds__(TENSOR_THREADS, TENSOR_BLOCKS)                                            \
        quern_tensor_lottery_##name(OPERANDS, DRAWS, UNPACK PARAMETERS) {                                                  \
        SHARED_MEMORY(memory);                                                                                             \
        Place place(rows, cols, Wide::SIDE);                                                                               \
        Lottery lottery = {bits(rank / 32) - 1,                                                                            \
                           chunks,                                                                                         \
                           Operand(left, ld_factors, place.row),                                                           \
                           Operand(right, ld_factors, place.col),                                                          \
                           ld_factors / FACTOR_BYTES,                                                                      \
                           digits_of(control->gathered_peak),                                                              \
                           words,                                                                                          \
                           rows / 16,                                                                                      \
                           cols / 16,                                                                                      \
                           (u32*)(memory + RING_BYTES)};                                                                   \
        tensor_product<Wide>(memory, Operand(a, lda, place.row), Operand(b, ldb, place.col), tiles, place, lottery,        \
                             EPILOGUE);                                                                                    \
    }
#else
#define ON_TENSOR_CORES(Shape, name, PARAMETERS, EPILOGUE)
#define DRAWS_ON_TENSOR_CORES(name, PARAMETERS, EPILOGUE)
#endif

#define PRODUCT(Shape, name, PARAMETERS, EPILOGUE)                                                                         \
    ON_TENSOR_CORES(Shape, name, PARAMETERS, UNPACK EPILOGUE)                                                              \
    extern "C" __global__ void __launch_bounds__(DOT_THREADS) quern_dot_##name(OPERANDS, UNPACK PARAMETERS) {              \
        dot_product<false>(a, lda, b, ldb, tiles, rows, cols, DotLottery(), UNPACK EPILOGUE);                              \
    }
#define LOTTERY(name, PARAMETERS, EPILOGUE)                                                                                \
    DRAWS_ON_TENSOR_CORES(name, PARAMETERS, UNPACK EPILOGUE)                                                               \
    extern "C" __global__ void __launch_bounds__(DOT_THREADS)                                                              \
        quern_dot_lottery_##name(OPERANDS, DRAWS, UNPACK PARAMETERS) {                                                     \
        DotLottery lottery = {rank, chunks, left, right, ld_factors, control, words};                                      \
        dot_product<true>(a, lda, b, ldb, tiles, rows, cols, lottery, UNPACK EPILOGUE);                                    \
    }

#define STORE_PARAMETERS (i32 * out)
#define STORE (Store(out, rows, cols, nullptr, 0))
#define ACTIVATE_PARAMETERS (i8 * out, u8 * positive, u32 ld, const i32* bias, Control* state, u32 layer)
#define ACTIVATE (Activate(out, positive, ld, rows, cols, bias, state, layer))

PRODUCT(Wide, store, STORE_PARAMETERS, STORE)
LOTTERY(store, STORE_PARAMETERS, STORE)
PRODUCT(Wide, activate, ACTIVATE_PARAMETERS, ACTIVATE)
LOTTERY(activate, ACTIVATE_PARAMETERS, ACTIVATE)
PRODUCT(Narrow, logits, (i32 * out, const i32* bias, const Control* state, u32 layer),
        (Store(out, rows, cols, bias, -FRACTION - state->output_exponent(layer))))
PRODUCT(Wide, propagate, (i8 * out, const u8* positive, u32 ld, Control* state, u32 layer, u32 key),
        (Propagate(out, positive, ld, rows, cols, state, layer, key)))
PRODUCT(Wide, update, (i32 * w, i32* v, Control* state, u32 layer, i32 rate), (Update(w, v, rows, cols, state, layer, rate)))
PRODUCT(Narrow, digits, (i8 * out, u32 ld, Control* state), (Digits(out, ld, rows, cols, state)))
