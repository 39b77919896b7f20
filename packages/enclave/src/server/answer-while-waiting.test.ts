import { expect, test } from 'vitest'
import { freePort } from '../local-servers/index.ts'
import { createLogger } from '../telemetry/index.ts'
import { answerWhileWaiting } from './answer-while-waiting.ts'
import { createServer } from './server.ts'

const logger = createLogger('waiting', { write: () => {} })

test('while a service waits, whoever asks is told to try again, whatever is asked; and then it is there itself', async () => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const waiting = await answerWhileWaiting({ name: 'waiting', logger, port })
  const healthOf = async (): Promise<unknown> => (await fetch(`${url}/healthz`)).json()
  expect(await healthOf()).toEqual({ status: 'unavailable', code: 'starting' })
  waiting.why({ code: 'key-broker-unreachable', at: 'url', detail: 'It does not answer.' })
  expect(await healthOf()).toEqual({ status: 'unavailable', code: 'key-broker-unreachable' })

  for (const init of [
    {},
    { method: 'POST', headers: { 'content-type': 'message/ohttp-chunked-req' }, body: 'x' },
    // More than it would take.
    { method: 'POST', body: new Uint8Array(4_000_000) },
  ]) {
    const answer = await fetch(`${url}/sealed`, init)
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('1')
    expect(await answer.json()).toMatchObject({ type: 'urn:sealward:problem:starting' })
  }

  await waiting.close()
  const service = createServer({ name: 'waiting', logger })
  await service.listen(port)
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
  await service.close()
})

test('on any port nobody would know where, so nothing answers', async () => {
  const waiting = await answerWhileWaiting({ name: 'waiting', logger, port: 0 })
  await waiting.close()
})
