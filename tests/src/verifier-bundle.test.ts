import { expect, test } from 'vitest'
import { bundleVerifier } from '../../bench/src/browser.ts'

test('the verifier is one small script that needs nothing of Node', async () => {
  const { code, gzipBytes, nodeBuiltIns } = await bundleVerifier()
  process.stdout.write(`verifier: ${code.length} bytes, ${gzipBytes} with gzip\n`)
  expect(nodeBuiltIns).toEqual([])
  expect(code).not.toMatch(/node:[a-z]|\brequire\(|\bprocess\.|\bBuffer\b/)
  expect(gzipBytes).toBeLessThan(60_000)
  expect(gzipBytes).toBeGreaterThan(5000)
})
