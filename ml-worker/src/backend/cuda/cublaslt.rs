//! NVIDIA's own product of 8-bit matrices, to measure ours beside it.

use std::{ffi::c_void, sync::Arc};

use cudarc::{
    cublaslt::{
        result::{self, CublasError},
        sys,
    },
    driver::sys::CUstream,
};

use super::{Accelerator, accelerator::Buffer, matrix::Matrix};
use crate::backend::DeviceError;

/// `CUBLAS_OP_T`.
const TRANSPOSED: i32 = 1;

/// Memory that a product may use beside its operands.
const WORKSPACE: usize = 32 << 20;

/// A product of two matrices by cuBLASLt.
pub(crate) struct CublasLt {
    handle: sys::cublasLtHandle_t,
    product: sys::cublasLtMatmulDesc_t,
    layouts: [sys::cublasLtMatrixLayout_t; 3],
    algorithm: sys::cublasLtMatmulAlgo_t,
    workspace: Buffer,
}

fn refused(error: CublasError) -> DeviceError {
    DeviceError::Refused(format!("cuBLASLt: {error:?}"))
}

impl CublasLt {
    /// The product of every row of `a` with every row of `b`; none if the library is not on this machine.
    pub(crate) fn new(
        device: &Arc<dyn Accelerator>,
        a: &Matrix,
        b: &Matrix,
    ) -> Result<Option<Self>, DeviceError> {
        // SAFETY: loads the library as any later call would.
        if !unsafe { sys::is_culib_present() } {
            return Ok(None);
        }
        let (bytes, words) = (sys::cudaDataType::CUDA_R_8I, sys::cudaDataType::CUDA_R_32I);
        let (m, n, k) = (a.rows() as u64, b.rows() as u64, a.cols() as u64);
        // Column by column, our rows are columns, and the left operand is transposed.
        let layout = |kind, rows, cols, ld: usize| {
            result::create_matrix_layout(kind, rows, cols, ld as i64).map_err(refused)
        };
        let layouts = [
            layout(bytes, k, m, a.ld())?,
            layout(bytes, k, n, b.ld())?,
            layout(words, m, n, a.rows())?,
        ];
        let handle = result::create_handle().map_err(refused)?;
        let sums = sys::cublasComputeType_t::CUBLAS_COMPUTE_32I;
        let product = result::create_matmul_desc(sums, words).map_err(refused)?;
        let preference = result::create_matmul_pref().map_err(refused)?;
        let workspace = Buffer::new(device, WORKSPACE)?;
        // SAFETY: everything was made above; attributes are copied.
        let algorithm = unsafe {
            result::set_matmul_desc_attribute(
                product,
                sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_TRANSA,
                std::ptr::from_ref(&TRANSPOSED).cast(),
                size_of_val(&TRANSPOSED),
            )
            .map_err(refused)?;
            let most = WORKSPACE as u64;
            result::set_matmul_pref_attribute(
                preference,
                sys::cublasLtMatmulPreferenceAttributes_t::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                (&raw const most).cast(),
                size_of_val(&most),
            )
            .map_err(refused)?;
            let [a, b, c] = layouts;
            let found = result::get_matmul_algo_heuristic(handle, product, a, b, c, c, preference);
            let _ = result::destroy_matmul_pref(preference);
            found.map_err(refused)?.algo
        };
        Ok(Some(Self {
            handle,
            product,
            layouts,
            algorithm,
            workspace,
        }))
    }

    /// Starts the product, column by column into `out`.
    pub(crate) fn multiply(&self, a: &Matrix, b: &Matrix, out: &Buffer) -> Result<(), DeviceError> {
        let (one, zero) = (1_i32, 0_i32);
        let [a_layout, b_layout, c_layout] = self.layouts;
        let out = out.address() as *mut c_void;
        let stream: CUstream = std::ptr::null_mut();
        // SAFETY: the matrices are those that the layouts were made for, and `out` has room for the product.
        unsafe {
            result::matmul(
                self.handle,
                self.product,
                (&raw const one).cast(),
                (&raw const zero).cast(),
                a.address() as *const c_void,
                a_layout,
                b.address() as *const c_void,
                b_layout,
                out,
                c_layout,
                out,
                c_layout,
                &self.algorithm,
                self.workspace.address() as *mut c_void,
                WORKSPACE,
                stream.cast(),
            )
        }
        .map_err(refused)
    }
}

impl Drop for CublasLt {
    fn drop(&mut self) {
        // SAFETY: made once and destroyed once.
        unsafe {
            for layout in self.layouts {
                let _ = result::destroy_matrix_layout(layout);
            }
            let _ = result::destroy_matmul_desc(self.product);
            let _ = result::destroy_handle(self.handle);
        }
    }
}
