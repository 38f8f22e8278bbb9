//! Integer products of 8-bit matrices, row-major, summed in 32 bits.
//!
//! Inner dimensions are at most 65 536, so any sum is within `128²·65 536 = 2³⁰`.

use alloc::{vec, vec::Vec};

/// `a · b`, rows × columns, for `a`: rows × `inner` and `b`: `inner` × `columns`.
pub fn product(a: &[i8], b: &[i8], inner: usize, columns: usize) -> Vec<i32> {
    let mut out = vec![0; a.len() / inner * columns];
    for (a, out) in a.chunks_exact(inner).zip(out.chunks_exact_mut(columns)) {
        for (&a, b) in a.iter().zip(b.chunks_exact(columns)) {
            add_scaled(out, a, b);
        }
    }
    out
}

/// `aᵀ · b`, `fan_in` × `fan_out`, for `a`: rows × `fan_in` and `b`: rows × `fan_out`.
pub fn product_transposed_left(a: &[i8], b: &[i8], fan_in: usize, fan_out: usize) -> Vec<i32> {
    let mut out = vec![0; fan_in * fan_out];
    for (a, b) in a.chunks_exact(fan_in).zip(b.chunks_exact(fan_out)) {
        for (&a, out) in a.iter().zip(out.chunks_exact_mut(fan_out)) {
            add_scaled(out, a, b);
        }
    }
    out
}

/// `a · bᵀ`, rows × columns, for `a`: rows × `inner` and `b`: columns × `inner`.
pub fn product_transposed_right(a: &[i8], b: &[i8], inner: usize) -> Vec<i32> {
    let dot = |a: &[i8], b: &[i8]| {
        a.iter().zip(b).fold(0, |sum: i32, (&a, &b)| {
            sum.wrapping_add(i32::from(a) * i32::from(b))
        })
    };
    a.chunks_exact(inner)
        .flat_map(|a| b.chunks_exact(inner).map(move |b| dot(a, b)))
        .collect()
}

/// Transpose of a row-major matrix with `columns` columns.
pub fn transpose(matrix: &[i8], columns: usize) -> Vec<i8> {
    let rows = matrix.len() / columns;
    let mut out = vec![0; matrix.len()];
    for (i, row) in matrix.chunks_exact(columns).enumerate() {
        for (j, &value) in row.iter().enumerate() {
            out[j * rows + i] = value;
        }
    }
    out
}

/// `out += a · b`.
fn add_scaled(out: &mut [i32], a: i8, b: &[i8]) {
    if a != 0 {
        for (out, &b) in out.iter_mut().zip(b) {
            *out = out.wrapping_add(i32::from(a) * i32::from(b));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    proptest! {
        #[test]
        fn the_three_products_are_one_product_of_transposes(
            rows in 1_usize..8, inner in 1_usize..8, columns in 1_usize..8, entries in vec(any::<i8>(), 128),
        ) {
            let (a, b) = (&entries[..rows * inner], &entries[64..][..inner * columns]);
            let expected: Vec<i32> = (0..rows * columns)
                .map(|at| {
                    let (i, j) = (at / columns, at % columns);
                    (0..inner).map(|l| i32::from(a[i * inner + l]) * i32::from(b[l * columns + j])).sum()
                })
                .collect();
            prop_assert_eq!(&product(a, b, inner, columns), &expected);
            prop_assert_eq!(&product_transposed_left(&transpose(a, inner), b, rows, columns), &expected);
            prop_assert_eq!(&product_transposed_right(a, &transpose(b, columns), inner), &expected);
        }
    }

    #[test]
    fn the_longest_sum_is_exact() {
        let ones = [127; 65_536];
        assert_eq!(product(&ones, &ones, 65_536, 1), [1_057_030_144]);
        assert_eq!(product_transposed_left(&ones, &ones, 1, 1), [1_057_030_144]);
        assert_eq!(
            product_transposed_right(&ones, &[-127; 65_536], 65_536),
            [-1_057_030_144]
        );
    }
}
