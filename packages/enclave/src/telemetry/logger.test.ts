import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { logFieldNames } from './fields.ts'
import { createLogger, type Logger } from './logger.ts'

const canary = 'CANARY Erika Mustermann 1970-01-01'

function recording(): { readonly lines: string[]; readonly log: Logger } {
  const lines: string[] = []
  return { lines, log: createLogger('platform', { write: (line) => lines.push(line) }) }
}

test('listed fields come out', () => {
  const { lines, log } = recording()
  log.info('request', { method: 'GET', route: '/fhir/Patient/:id', status: 200, durationMs: 1.5 })
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'info',
    service: 'platform',
    event: 'request',
    method: 'GET',
    route: '/fhir/Patient/:id',
    status: 200,
    durationMs: 1.5,
  })
})

test('a field that is not listed never comes out', () => {
  const { lines, log } = recording()
  const fields = { status: 200, patient: canary, body: { name: canary }, [canary]: 1 }
  log.debug('a', fields)
  log.info('a', fields)
  log.warn('a', fields)
  log.error('a', fields)
  log.thrown('a', new Error(canary, { cause: canary }), fields)
  expect(lines).toHaveLength(4)
  expect(lines.join('\n')).not.toContain('CANARY')
  const known = new Set([...logFieldNames, 'level', 'time', 'service', 'event'])
  for (const line of lines) {
    expect(Object.keys(JSON.parse(line)).filter((name) => !known.has(name))).toEqual([])
  }
})

test('a listed field of another form does not come out', () => {
  const { lines, log } = recording()
  for (const name of logFieldNames) {
    log.info('a', { [name]: canary } as object)
    log.info('a', { [name]: { toString: () => canary, toJSON: () => canary } } as object)
    log.info('a', { [name]: [canary] } as object)
  }
  expect(lines).toHaveLength(3 * logFieldNames.length)
  expect(lines.join('\n')).not.toContain('CANARY')
})

test('a sentence in place of an event name does not come out', () => {
  const { lines, log } = recording()
  log.info(`stored ${canary}`)
  expect(JSON.parse(lines[0] ?? '').event).toBe('unnamed-event')
})

test('what was thrown is told by its class and its place in our code', () => {
  const { lines, log } = recording()
  log.thrown('failed', new TypeError(`line one\n    at (${canary}:1:1)`))
  const record = JSON.parse(lines[0] ?? '')
  expect(record).toMatchObject({ level: 'error', errorName: 'TypeError' })
  expect(record.errorAt).toMatch(/^logger\.test\.ts:\d+:\d+$/)
})

test('of what Node threw, the place in our code is told', () => {
  const { lines, log } = recording()
  try {
    readFileSync(canary)
  } catch (error) {
    log.thrown('failed', error)
  }
  const record = JSON.parse(lines[0] ?? '')
  expect(record).toMatchObject({ errorName: 'Error', code: 'enoent' })
  expect(record.errorAt).toMatch(/^logger\.test\.ts:/)
  expect(lines.join('')).not.toContain('CANARY')
})
