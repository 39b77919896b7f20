/**
 * Eigenvalues and eigenvectors of a real symmetric matrix, by cyclic Jacobi rotations.
 *
 * @param matrix - `size` x `size`, row by row; kept as it is.
 * @returns values from the largest down, and the vector of each as one row of `vectors`.
 */
export function eigenOf(
  matrix: Float64Array,
  size: number,
): { readonly values: Float64Array; readonly vectors: Float64Array } {
  const a = matrix.slice()
  const v = new Float64Array(size * size)
  for (let index = 0; index < size; index++) v[index * size + index] = 1
  const scale = Math.sqrt(a.reduce((sum, value) => sum + value * value, 0))
  for (let sweep = 0; sweep < 60 && offDiagonal(a, size) > 1e-12 * scale; sweep++) {
    for (let p = 0; p < size - 1; p++) {
      for (let q = p + 1; q < size; q++) rotate(a, v, size, p, q)
    }
  }
  const order = Array.from({ length: size }, (_, index) => index).sort(
    (one, other) => (a[other * size + other] as number) - (a[one * size + one] as number),
  )
  const values = Float64Array.from(order, (index) => a[index * size + index] as number)
  const vectors = new Float64Array(size * size)
  order.forEach((index, place) => {
    vectors.set(v.subarray(index * size, (index + 1) * size), place * size)
  })
  return { values, vectors }
}

function rotate(a: Float64Array, v: Float64Array, size: number, p: number, q: number): void {
  const apq = a[p * size + q] as number
  if (apq === 0) return
  const theta = ((a[q * size + q] as number) - (a[p * size + p] as number)) / (2 * apq)
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
  const c = 1 / Math.sqrt(t * t + 1)
  const s = t * c
  for (let k = 0; k < size; k++) {
    const kp = a[k * size + p] as number
    const kq = a[k * size + q] as number
    a[k * size + p] = c * kp - s * kq
    a[k * size + q] = s * kp + c * kq
  }
  turnRows(a, size, p, q, c, s)
  turnRows(v, size, p, q, c, s)
}

function turnRows(m: Float64Array, size: number, p: number, q: number, c: number, s: number): void {
  for (let k = 0; k < size; k++) {
    const pk = m[p * size + k] as number
    const qk = m[q * size + k] as number
    m[p * size + k] = c * pk - s * qk
    m[q * size + k] = s * pk + c * qk
  }
}

function offDiagonal(a: Float64Array, size: number): number {
  let sum = 0
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      if (row !== column) sum += (a[row * size + column] as number) ** 2
    }
  }
  return Math.sqrt(sum)
}

/** Mean, and covariance `width` x `width`, of vectors that lie one after the other. */
export function momentsOf(
  vectors: Float32Array,
  width: number,
): { readonly mean: Float64Array; readonly covariance: Float64Array } {
  const count = vectors.length / width
  const mean = new Float64Array(width)
  for (let index = 0; index < vectors.length; index++) {
    mean[index % width] = (mean[index % width] as number) + (vectors[index] as number) / count
  }
  const covariance = new Float64Array(width * width)
  const centred = new Float64Array(width)
  for (let vector = 0; vector < count; vector++) {
    for (let index = 0; index < width; index++) {
      centred[index] = (vectors[vector * width + index] as number) - (mean[index] as number)
    }
    for (let row = 0; row < width; row++) {
      const factor = (centred[row] as number) / count
      for (let column = row; column < width; column++) {
        covariance[row * width + column] =
          (covariance[row * width + column] as number) + factor * (centred[column] as number)
      }
    }
  }
  for (let row = 0; row < width; row++) {
    for (let column = 0; column < row; column++) {
      covariance[row * width + column] = covariance[column * width + row] as number
    }
  }
  return { mean, covariance }
}
