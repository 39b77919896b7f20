import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Result } from '@sealward/attestation/bytes'
import { type ChannelRequest, openChannel, requestMediaType } from '@sealward/attestation/channel'
import { systemClock, systemRandom } from '@sealward/enclave/effects'
import { readStackConfiguration } from '../../../apps/cli/src/configuration.ts'
import { readCredentials } from '../../../apps/cli/src/credentials.ts'
import { openHospital } from '../../../apps/cli/src/hospital-client.ts'
import { projectRoot } from '../sources.ts'
import type { Canary } from './canary.ts'

/** What a request inside the sealed channel came to. */
export interface Told {
  readonly status: number
  /** Of a refusal. */
  readonly code: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly json: unknown
}

/** A hospital whose every word goes through the sealed channel, its mistakes too. */
export interface CanaryHospital {
  ask(request: ChannelRequest): Promise<Told>
  /** As {@link CanaryHospital.ask}, with the `authorization` that is given, or with none. */
  askAs(authorization: string | undefined, request: ChannelRequest): Promise<Told>
  /** The sealed bytes of the last request that {@link CanaryHospital.askAs} sent. */
  lastMessage(): Uint8Array
}

export async function openCanaryHospital(url: string, home: string): Promise<CanaryHospital> {
  const effects = {
    fetch,
    clock: systemClock,
    random: systemRandom,
    sleep: (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }),
  }
  const configuration = accepted(await readStackConfiguration(effects, new URL(url).origin))
  const credentials = accepted(await readCredentials(join(home, 'cli.json')))
  const hospital = accepted(await openHospital(effects, configuration, credentials))
  let last = new Uint8Array()
  const channel = openChannel(
    hospital.peer,
    async (body) => {
      last = new Uint8Array(body)
      const answer = await fetch(`${configuration.platformUrl}/sealed`, {
        method: 'POST',
        headers: { 'content-type': requestMediaType },
        body: last,
      })
      const contentType = answer.headers.get('content-type') ?? ''
      return {
        status: answer.status,
        contentType,
        body: new Uint8Array(await answer.arrayBuffer()),
      }
    },
    { random: systemRandom },
  )
  return {
    ask: async (request) => toldBy(accepted(await hospital.ask(request))),
    askAs: async (authorization, request) =>
      toldBy(
        await channel.fetch({
          ...request,
          headers: {
            ...request.headers,
            ...(authorization === undefined ? {} : { authorization }),
          },
        }),
      ),
    lastMessage: () => last,
  }
}

/** A film whose file and whose data name the canary. */
export function writeCanaryFilm(folder: string, canary: Canary): string {
  const film = readFileSync(join(projectRoot, 'models', 'synthetic-films', 'synthetic-1.dcm'))
  const name = Buffer.from('Synthetic^One')
  const at = film.indexOf(name)
  if (at < 0 || canary.nameInFilm.length !== name.length) throw new Error('no name to replace')
  film.write(canary.nameInFilm, at)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${canary.fileName}.dcm`)
  writeFileSync(file, film)
  return file
}

function toldBy(answer: {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}): Told {
  const { status, headers, body } = answer
  const isJson = /json/.test(headers['content-type'] ?? '')
  const json: unknown = isJson ? JSON.parse(Buffer.from(body).toString()) : undefined
  return { status, headers, json, code: status < 400 ? undefined : codeOf(json) }
}

/** Of problem details, or of an OperationOutcome. */
function codeOf(json: unknown): string | undefined {
  const { type, issue } = json as {
    readonly type?: string
    readonly issue?: readonly { readonly details?: { readonly coding?: { code: string }[] } }[]
  }
  return issue?.[0]?.details?.coding?.[0]?.code ?? type?.replace('urn:sealward:problem:', '')
}

function accepted<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new Error(`${result.problem.code}: ${result.problem.detail}`)
}
