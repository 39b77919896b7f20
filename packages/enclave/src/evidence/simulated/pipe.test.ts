import { expect, test } from 'vitest'
import { requestSchema } from './pipe.ts'

const cpuSvn = '07'.repeat(16)

test.each([
  [undefined, true],
  [{ cpuSvn, isvSvn: 0 }, true],
  [{ cpuSvn, isvSvn: 65_535 }, true],
  [{ cpuSvn, isvSvn: 65_536 }, false],
  [{ cpuSvn, isvSvn: -1 }, false],
  [{ cpuSvn, isvSvn: 1.5 }, false],
  [{ cpuSvn }, false],
  [{ isvSvn: 1 }, false],
  [{ cpuSvn: cpuSvn.slice(2), isvSvn: 1 }, false],
  [{ cpuSvn, isvSvn: 1, configSvn: 1 }, false],
])('a sealing key is asked for as of %j: %s', (version, isRead) => {
  const request = { kind: 'sealing-key', id: 1, policy: 'mrsigner', version }
  expect(requestSchema.safeParse(request).success).toBe(isRead)
})

test('the processor alone is no version', () => {
  const request = { kind: 'sealing-key', id: 1, policy: 'mrsigner', cpuSvn }
  expect(requestSchema.safeParse(request).success).toBe(false)
})
