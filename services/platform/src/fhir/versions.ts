/** Whether `If-Match` names this version; without the header any does. @see FHIR R4, 3.1.0.1.6 */
export function matches(ifMatch: string | undefined, version: number): boolean {
  if (ifMatch === undefined) return true
  return ifMatch
    .split(',')
    .map((one) => one.trim())
    .some((one) => one === '*' || one === `W/"${version}"` || one === `"${version}"`)
}
