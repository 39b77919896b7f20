import { builtinModules } from 'node:module'
import { beforeAll, expect, test } from 'vitest'
import { bundleVerifier, type VerifierBundle } from '../../bench/src/bundle-verifier.ts'

/** What only Node has, or what a page under a strict content security policy may not do. */
const forbidden =
  'process Buffer require global __dirname __filename setImmediate eval Function fetch XMLHttpRequest WebSocket localStorage performance'.split(
    ' ',
  )

/** A date that nobody gave. */
const clock = /\bDate\.now\b|\bnew Date\b(?!\(\s*[^\s)])|(?<!new )\bDate\(/

let bundle: VerifierBundle
beforeAll(async () => {
  bundle = await bundleVerifier()
  process.stdout.write(`verifier: ${bundle.code.length} bytes, ${bundle.gzipBytes} with gzip\n`)
})

test('the verifier is one script that imports nothing', () => {
  expect(bundle.imports).toEqual([])
  expect(bundle.nodeBuiltIns).toEqual([])
})

test('no module of Node is named in it', () => {
  const named = builtinModules.filter((name) =>
    ['"', "'", '`'].some((mark) => bundle.code.includes(`${mark}${name}${mark}`)),
  )
  expect(named).toEqual([])
  expect(bundle.code).not.toContain('node:')
})

test('it asks for nothing that a verifier has no use for: Node, network, storage, clock, code from text', () => {
  const used = forbidden.filter((name) => isUsed(name, bundle.code))
  expect(used).toEqual([])
  expect(bundle.code).not.toMatch(clock)
})

test('a use of a forbidden name would be found', () => {
  expect(isUsed('fetch', 'let a=await fetch("/")')).toBe(true)
  expect(isUsed('process', 'process.env')).toBe(true)
  expect(isUsed('process', '{notprocess:1,a:b.process}')).toBe(false)
  expect('Date.now()').toMatch(clock)
  expect('new Date').toMatch(clock)
  expect('new Date()').toMatch(clock)
  expect('new Date(Date.UTC(2026,0,1))').not.toMatch(clock)
})

test('it is under 60 kB with gzip, and is not empty', () => {
  expect(bundle.gzipBytes).toBeLessThan(60_000)
  expect(bundle.gzipBytes).toBeGreaterThan(5000)
})

/** As a name of its own, not as the member of something or a part of a longer name. */
function isUsed(name: string, code: string): boolean {
  return new RegExp(`(?<![\\w$.])${name}(?![\\w$])`).test(code)
}
