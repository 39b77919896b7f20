import { ChannelError } from '@sealward/attestation/channel'
import { beforeEach, expect, test } from 'vitest'
import { renewalLeadSeconds, renewalRetrySeconds } from '../limits.ts'
import { type Connection, type ConnectionState, NotVerified, openConnection } from './connection.ts'
import { createWorld, type Fault, type World } from './platform.fixtures.ts'

let world: World

beforeEach(async () => {
  world = await createWorld()
})

function open(): Connection {
  return openConnection(world.configuration, world.effects, world.transport, world.after)
}

/** Waits until verification has come to an end. */
async function settled(connection: Connection): Promise<ConnectionState> {
  while (connection.state.get().kind === 'verifying')
    await new Promise<void>((resolve) => {
      const stop = connection.state.subscribe(() => {
        stop()
        resolve()
      })
    })
  return connection.state.get()
}

const registration = {
  method: 'POST',
  headers: { 'idempotency-key': 'registration-of-canary' },
  body: new TextEncoder().encode('{"family":"Canary"}'),
}

test('a genuine platform is verified, by the browser and by the service', async () => {
  const connection = open()
  const seen: string[] = []
  connection.state.subscribe(() => {
    const state = connection.state.get()
    if (state.kind === 'verifying') seen.push(state.step)
  })
  const state = await settled(connection)
  expect(state).toMatchObject({ kind: 'verified', peer: { role: 'platform', simulated: true } })
  if (state.kind === 'verified') {
    expect(state.peer.checks.map(({ id }) => id)).toContain('token-agrees')
  }
  expect(seen).toContain('appraisal')
})

test('a request reaches the verified platform, and only the platform can read it', async () => {
  const connection = open()
  const response = await connection.fetch('/fhir/Patient', registration)
  expect(response.status).toBe(200)
  expect(world.received).toEqual([
    { method: 'POST', path: '/fhir/Patient', body: '{"family":"Canary"}' },
  ])
})

const refusals: readonly (readonly [Fault, string])[] = [
  ['changed-software', 'measurement'],
  ['debug', 'debug'],
  ['tcb-info-expired', 'tcb-info-expired'],
  ['old-nonce', 'nonce-mismatch'],
  ['other-deployment', 'wrong-deployment'],
  ['attestation-declines', 'token-missing'],
  ['denied', 'measurement-denied'],
  ['deny-list-old', 'deny-list-stale'],
  ['foreign-token-key', 'bad-signature'],
  ['other-policy', 'token-policy'],
]

for (const [fault, code] of refusals) {
  test(`${fault} is refused as ${code}, and nothing leaves`, async () => {
    world.fault = fault
    const connection = open()
    expect(await settled(connection)).toMatchObject({ kind: 'refused', code })
    await expect(connection.fetch('/fhir/Patient', registration)).rejects.toBeInstanceOf(
      NotVerified,
    )
    expect(world.sent()).toBe(0)
  })
}

test('what the service said in place of a token is kept', async () => {
  world.fault = 'attestation-declines'
  expect(await settled(open())).toMatchObject({ attestationCode: 'PolicyEvaluationError' })
})

const absences: readonly (readonly [Fault, 'platform' | 'attestation-service', string])[] = [
  ['platform-down', 'platform', 'unavailable'],
  ['platform-gone', 'platform', 'no-answer'],
  ['wrong-content', 'platform', 'answer-malformed'],
  ['attestation-down', 'attestation-service', 'unavailable'],
  ['attestation-without-token', 'attestation-service', 'answer-malformed'],
  ['certs-down', 'attestation-service', 'unavailable'],
  ['deny-list-down', 'attestation-service', 'unavailable'],
]

for (const [fault, service, code] of absences) {
  test(`${fault} is not a refusal: the ${service} is unavailable`, async () => {
    world.fault = fault
    const connection = open()
    expect(await settled(connection)).toMatchObject({
      kind: 'unavailable',
      service,
      problem: { code },
    })
    await expect(connection.fetch('/fhir/Patient', registration)).rejects.toBeInstanceOf(
      NotVerified,
    )
    expect(world.sent()).toBe(0)
  })
}

test('trying again after the service is back verifies', async () => {
  world.fault = 'attestation-down'
  const connection = open()
  await settled(connection)
  world.fault = undefined
  await connection.verify()
  expect(connection.state.get().kind).toBe('verified')
})

test('a platform with a new key is verified again, and the request is sent once more', async () => {
  const connection = open()
  await settled(connection)
  await world.restart()
  expect((await connection.fetch('/fhir/Patient', registration)).status).toBe(200)
  expect(world.sent()).toBe(2)
  expect(world.received.length).toBe(1)
  expect(world.asked()).toBe(2)
})

test('who says for the platform that its key is stale does not get the request done twice', async () => {
  const lie = new TextEncoder().encode('{"type":"urn:sealward:problem:stale-key"}')
  const connection = openConnection(
    world.configuration,
    world.effects,
    async (message, options) => {
      await world.transport(message, options)
      return { status: 422, contentType: 'application/problem+json', body: lie }
    },
    world.after,
  )
  await settled(connection)
  await expect(connection.fetch('/fhir/Patient', registration)).rejects.toMatchObject({
    problem: { code: 'stale-key' },
  })
  expect(world.received.length).toBe(1)
})

test('a platform that came back changed gets nothing but the message it could not open', async () => {
  const connection = open()
  await settled(connection)
  await world.restart()
  world.fault = 'changed-software'
  await expect(connection.fetch('/fhir/Patient', registration)).rejects.toBeInstanceOf(NotVerified)
  expect(connection.state.get()).toMatchObject({ kind: 'refused', code: 'measurement' })
  expect(world.received).toEqual([])
})

test('verification is renewed before what it rests on expires', async () => {
  const connection = open()
  await settled(connection)
  const [timer] = world.timers
  expect(timer?.milliseconds).toBe((3600 - renewalLeadSeconds) * 1000)
  world.pass(3600 - renewalLeadSeconds)
  const before = connection.state.get()
  timer?.call()
  await changed(connection, before)
  expect(connection.state.get().kind).toBe('verified')
  expect(world.asked()).toBe(2)
})

test('a renewal that gets no answer is tried again, and what was verified holds meanwhile', async () => {
  const connection = open()
  await settled(connection)
  world.fault = 'attestation-down'
  world.pass(3600 - renewalLeadSeconds)
  world.timers[0]?.call()
  while (world.timers.at(-1)?.milliseconds !== renewalRetrySeconds * 1000) await turn()
  expect(connection.state.get().kind).toBe('verified')
  expect((await connection.fetch('/fhir/Patient', registration)).status).toBe(200)
})

test('a renewal that finds the platform changed refuses at once', async () => {
  const connection = open()
  const before = await settled(connection)
  world.fault = 'debug'
  world.timers[0]?.call()
  await changed(connection, before)
  expect(connection.state.get()).toMatchObject({ kind: 'refused', code: 'debug' })
})

test('after its time nothing is sent before it is verified again', async () => {
  const connection = open()
  await settled(connection)
  world.fault = 'attestation-down'
  world.pass(3601)
  await expect(connection.fetch('/fhir/Patient', registration)).rejects.toBeInstanceOf(NotVerified)
  expect(world.sent()).toBe(0)
  expect(connection.state.get().kind).toBe('unavailable')
})

test('a laptop that slept for two days, over which the platform took other keys, verifies before it sends, and sends once', async () => {
  const connection = open()
  await settled(connection)
  await world.restart()
  world.pass(2 * 86_400)
  expect((await connection.fetch('/fhir/Patient', registration)).status).toBe(200)
  expect([world.asked(), world.sent(), world.received.length]).toEqual([2, 1, 1])
})

test('two requests at once after such a sleep wait for one verification', async () => {
  const connection = open()
  await settled(connection)
  world.pass(2 * 86_400)
  const answers = await Promise.all(
    [1, 2, 3].map(() => connection.fetch('/fhir/Patient', registration)),
  )
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  expect([world.asked(), world.sent()]).toEqual([2, 3])
})

test('a page that finds nobody looks again by itself, and goes on', async () => {
  world.fault = 'platform-gone'
  const connection = open()
  expect((await settled(connection)).kind).toBe('unavailable')
  const [timer] = world.timers.splice(0)
  expect(timer?.milliseconds).toBe(renewalRetrySeconds * 1000)
  world.fault = undefined
  const before = connection.state.get()
  timer?.call()
  await changed(connection, before)
  expect(connection.state.get().kind).toBe('verified')
  expect((await connection.fetch('/fhir/Patient', registration)).status).toBe(200)
})

test('a network that fails is told apart from a refusal', async () => {
  const connection = openConnection(
    world.configuration,
    world.effects,
    () => Promise.reject(new Error('offline')),
    world.after,
  )
  await settled(connection)
  await expect(connection.fetch('/fhir/Patient', registration)).rejects.toMatchObject({
    problem: { code: 'unavailable' },
  })
  await expect(connection.fetch('/fhir/Patient', registration)).rejects.toBeInstanceOf(ChannelError)
})

async function changed(connection: Connection, before: ConnectionState): Promise<void> {
  while (connection.state.get() === before) await turn()
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))
