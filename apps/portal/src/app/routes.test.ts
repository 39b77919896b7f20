import { expect, test } from 'vitest'
import { hashOf, type Route, routeOf } from './routes.ts'

const routes: readonly Route[] = [
  { page: 'home' },
  { page: 'patients' },
  { page: 'register' },
  { page: 'patient', patient: '8f0c-1.a' },
  { page: 'report', report: '42' },
  { page: 'worklist' },
]

test('every route is read back from its own address', () => {
  for (const route of routes) expect(routeOf(hashOf(route))).toEqual(route)
})

test('an id that could leave its path is no route', () => {
  for (const hash of [
    '#/reports/..%2Fx',
    '#/patients/a b',
    '#/reports/a?b',
    `#/reports/${'a'.repeat(65)}`,
  ])
    expect(['home', 'patients']).toContain(routeOf(hash).page)
})

test('an unknown address is the first page', () => {
  expect(routeOf('')).toEqual({ page: 'home' })
  expect(routeOf('#/nowhere')).toEqual({ page: 'home' })
})
