import type { Parameter } from '../network/parameters.ts'

export interface AdamWSettings {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly decay: number
}

export const adamWSettings: AdamWSettings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 1e-2 }

/** AdamW (Loshchilov and Hutter 2019): keeps the moments of each parameter between steps. */
export class AdamW {
  readonly #settings: AdamWSettings
  readonly #moments: ReadonlyMap<
    string,
    { readonly first: Float64Array; readonly second: Float64Array }
  >
  #steps = 0

  constructor(parameters: readonly Parameter[], settings: AdamWSettings = adamWSettings) {
    this.#settings = settings
    this.#moments = new Map(
      parameters.map(({ name, data }) => [
        name,
        { first: new Float64Array(data.length), second: new Float64Array(data.length) },
      ]),
    )
  }

  /** Moves `parameters` in place, one step of `rate` against their gradients. */
  step(
    parameters: readonly Parameter[],
    gradientOf: (name: string) => Float32Array,
    rate: number,
  ): void {
    const { beta1, beta2, epsilon, decay } = this.#settings
    this.#steps += 1
    const correction1 = 1 - beta1 ** this.#steps
    const correction2 = 1 - beta2 ** this.#steps
    for (const { name, data, decays } of parameters) {
      const gradient = gradientOf(name)
      const moments = this.#moments.get(name)
      if (moments === undefined || gradient.length !== data.length) {
        throw new Error(`gradient of ${name} does not fit`)
      }
      const { first, second } = moments
      for (let index = 0; index < data.length; index++) {
        const slope = gradient[index] as number
        const mean = beta1 * (first[index] as number) + (1 - beta1) * slope
        const square = beta2 * (second[index] as number) + (1 - beta2) * slope * slope
        first[index] = mean
        second[index] = square
        const value = data[index] as number
        const kept = decays ? value * (1 - rate * decay) : value
        data[index] =
          kept - (rate * (mean / correction1)) / (Math.sqrt(square / correction2) + epsilon)
      }
    }
  }
}

/**
 * One-cycle rate (Smith and Topin 2019): linear up to `peak` over the first `rise` of all steps, then
 * down along a cosine to zero.
 */
export function oneCycleRate(step: number, steps: number, peak: number, rise = 0.25): number {
  const top = steps * rise
  if (step < top) return peak * (0.04 + 0.96 * (step / top))
  return (peak / 2) * (1 + Math.cos((Math.PI * (step - top)) / (steps - top)))
}
