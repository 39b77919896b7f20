/**
 * What is done with resources. Each change and each release is one transaction, with its entry in the audit log.
 *
 * @module
 */

import {
  ok,
  type Problem,
  type Result,
  refuse,
  textOf,
  type UnixSeconds,
  utf8Of,
} from '@sealward/attestation/bytes'
import { type AttestationResult, claimNames } from '@sealward/attestation/token'
import type { Verified } from '@sealward/attestation/verification'
import { inTransaction, reaching } from '@sealward/enclave/database'
import type { AuditActor, AuditDetails } from '../audit/audit.ts'
import type { Broker } from '../broker.ts'
import type { PolicyVersion } from '../keys/key-record.ts'
import { evaluatePolicy, type PolicyVerdict, unmetClaims } from '../release/evaluate-policy.ts'
import { auditConditionsOf, policyDetailsOf } from '../release/policy-details.ts'
import { parseReleasePolicy, printReleasePolicy } from '../release/release-policy.ts'
import type { DatabaseTransaction } from '../store/open-store.ts'
import { runtimeDataIn } from './appraised.ts'
import { encryptTo, type FlattenedJwe } from './jwe.ts'
import { limits } from './limits.ts'
import { everyResource, type ResourcePath } from './resource-path.ts'
import {
  createResourceStore,
  lockResource,
  type PolicyPlace,
  type ResourceRecord,
} from './resource-store.ts'

export type ResourceCode =
  | 'store-unavailable'
  | 'record-refused'
  | 'release-policy-malformed'
  | 'authority-unknown'
  | 'kbs-policy-is-rego'
  | 'kbs-policy-versions-too-many'
  | 'kbs-resource-empty'
  | 'kbs-resource-versions-too-many'
  | 'kbs-resource-unknown'
  | 'kbs-release-refused'
  | 'kbs-token-without-key'
  | 'kbs-key-refused'

type Outcome<T> = Promise<Result<T, Problem<ResourceCode>>>

export interface Resources {
  /** A new resource, or a new version of one. */
  put(
    actor: AuditActor,
    path: ResourcePath,
    content: Uint8Array,
  ): Outcome<{ readonly version: number }>
  /** What a resource, or every one, may be released for. */
  setPolicy(actor: AuditActor, place: PolicyPlace, policy: Uint8Array): Outcome<true>
  /** Its text; `undefined` where there is none. */
  policyOf(place: PolicyPlace): Outcome<string | undefined>
  /**
   * Encrypts a resource to the key in a token, where every policy is met that there is about it, and there is one.
   *
   * @param version - the current one, unless one is named.
   */
  release(
    token: Verified<AttestationResult>,
    path: ResourcePath,
    version?: number,
  ): Outcome<FlattenedJwe>
}

export function createResources(broker: Broker): Resources {
  const { audit, authorities, clock, database, random, sealer } = broker
  const store = createResourceStore(sealer)
  // Policies name issuers without a slash at the end.
  const isKnown = (issuer: string): boolean =>
    [issuer, `${issuer}/`].some((one) => authorities.sourcesOf(one) !== undefined)

  /** Runs `work` while nobody else changes the resource, and writes down what it did. */
  const changing = <T>(
    actor: AuditActor,
    action: string,
    place: PolicyPlace,
    work: (
      transaction: DatabaseTransaction,
      at: UnixSeconds,
    ) => Promise<
      Result<
        { readonly value: T; readonly target: string; readonly details?: AuditDetails },
        Problem<ResourceCode>
      >
    >,
  ): Outcome<T> =>
    inTransaction(database, async (transaction): Promise<Result<T, Problem<ResourceCode>>> => {
      await lockResource(transaction, place)
      const at = clock.now()
      const done = await work(transaction, at)
      if (!done.ok) return done
      const { value, target, details = {} } = done.value
      await audit.append(transaction, { at, actor, action, target, outcome: 'done', details })
      return ok(value)
    })

  return {
    put: (actor, path, content) =>
      changing(actor, 'resource-put', path, async (transaction, at) => {
        if (content.length === 0) {
          return refuse('kbs-resource-empty', 'body', 'A resource has at least one byte.')
        }
        const before = await store.read(transaction, path)
        if (!before.ok) return before
        const record = before.value?.record ?? nothing
        if (record.versions.length >= limits.versionsMax) {
          return refuse(
            'kbs-resource-versions-too-many',
            'path',
            `A resource has at most ${limits.versionsMax} versions: another tag has room.`,
          )
        }
        const version = record.versions.length + 1
        const versions = [...record.versions, { number: version, createdAt: at }]
        await store.write(transaction, path, before.value, { ...record, versions }, content)
        return ok({ value: { version }, target: `resources/${path}/${version}` })
      }),

    setPolicy: (actor, place, policy) =>
      changing(actor, 'resource-policy-set', place, async (transaction, at) => {
        const text = policyText(policy, isKnown)
        if (!text.ok) return text
        const before = await store.read(transaction, place)
        if (!before.ok) return before
        const record = before.value?.record ?? nothing
        if (record.policies.length >= limits.policyVersionsMax) {
          return refuse(
            'kbs-policy-versions-too-many',
            'policy',
            `At most ${limits.policyVersionsMax} policies in one place are remembered.`,
          )
        }
        const next: PolicyVersion = {
          number: record.policies.length + 1,
          since: at,
          text: text.value,
          immutable: false,
        }
        const policies = [...record.policies, next]
        await store.write(transaction, place, before.value, { ...record, policies })
        return ok({
          value: true,
          target: `resources/${place}`,
          details: await policyDetailsOf(next),
        })
      }),

    policyOf: (place) =>
      reaching<string | undefined, Problem<ResourceCode>>(async () => {
        const stored = await store.read(database, place)
        return stored.ok ? ok(stored.value?.record.policies.at(-1)?.text) : stored
      }),

    async release(token, path, version) {
      const runtimeData = runtimeDataIn(token.claims)
      if (!runtimeData.ok) return runtimeData
      const work = async (
        transaction: DatabaseTransaction,
      ): Promise<Result<Released, Problem<ResourceCode>>> => {
        const stored = await store.read(transaction, path)
        if (!stored.ok) return stored
        const general = await store.read(transaction, everyResource)
        if (!general.ok) return general
        const verdict = await verdictOf(token, [
          general.value?.record.policies.at(-1),
          stored.value?.record.policies.at(-1),
        ])
        if (!verdict.ok) return verdict
        const { met, details, unmet } = verdict.value
        const versions = stored.value?.record.versions ?? []
        const found =
          version === undefined ? versions.at(-1) : versions.find((one) => one.number === version)
        const write = (outcome: string): Promise<void> =>
          audit.append(transaction, {
            at: clock.now(),
            actor: workloadOf(token),
            action: 'resource-release',
            target: `resources/${path}${found === undefined ? '' : `/${found.number}`}`,
            outcome,
            details,
          })
        if (!met) {
          const refused = releaseRefused(unmet)
          await write(refused.problem.code)
          return ok(refused)
        }
        // Whoever meets no policy is not told what there is.
        if (found === undefined) {
          return refuse(
            'kbs-resource-unknown',
            'path',
            'There is no such resource, or no such version of it.',
          )
        }
        const content = await store.readVersion(transaction, path, found.number)
        if (!content.ok) return content
        const jwe = encryptTo(runtimeData.value.teePublicKey, content.value, random)
        content.value.fill(0)
        if (jwe.ok) await write('done')
        return ok(jwe)
      }
      const released = await inTransaction(database, work)
      return released.ok ? released.value : released
    },
  }
}

/** What is refused is written down, too: so it ends no transaction. */
type Released = Result<FlattenedJwe, Problem<ResourceCode>>

const nothing: ResourceRecord = { policies: [], versions: [] }

/** A release policy of ours. Rego would need an engine that we do not have, so it is not taken and then not applied. */
function policyText(
  policy: Uint8Array,
  isKnown: (issuer: string) => boolean,
): Result<string, Problem<ResourceCode>> {
  const text = textOf(policy) ?? ''
  if (text.split('\n').some((line) => /^package\s/.test(line.trimStart()))) {
    return refuse(
      'kbs-policy-is-rego',
      'policy',
      'Rego is not evaluated here. A release policy is expected: JSON, in the grammar that keys have.',
    )
  }
  const parsed = parseReleasePolicy(policy)
  if (!parsed.ok) return parsed
  const stranger = parsed.value.anyOf.find(({ authority }) => !isKnown(authority))
  if (stranger !== undefined) {
    return refuse(
      'authority-unknown',
      'policy.anyOf.authority',
      'The policy names an authority whose tokens are not believed here.',
    )
  }
  return ok(textOf(printReleasePolicy(parsed.value)) ?? '')
}

interface Verdict {
  readonly met: boolean
  readonly unmet: readonly string[]
  readonly details: AuditDetails
}

/** Every policy that there is has to be met, and there has to be one. */
async function verdictOf(
  { issuer, claims }: Verified<AttestationResult>,
  policies: readonly (PolicyVersion | undefined)[],
): Promise<Result<Verdict, Problem<'record-refused'>>> {
  const named = policies.filter((policy) => policy !== undefined)
  const verdicts: PolicyVerdict[] = []
  for (const { text } of named) {
    const parsed = parseReleasePolicy(utf8Of(text))
    if (!parsed.ok) {
      return refuse('record-refused', 'database', 'A policy in the database cannot be read.')
    }
    verdicts.push(evaluatePolicy(parsed.value, { issuer, claims }))
  }
  const met = verdicts.length > 0 && verdicts.every((verdict) => verdict.met)
  const last = named.at(-1)
  return ok({
    met,
    unmet: verdicts.flatMap(unmetClaims),
    details: {
      ...(last === undefined ? {} : await policyDetailsOf(last)),
      met,
      conditions: verdicts.flatMap(auditConditionsOf),
    },
  })
}

function workloadOf({ issuer, claims }: Verified<AttestationResult>): AuditActor {
  const id = claims[claimNames.id]
  return { kind: 'workload', issuer, token: typeof id === 'string' ? id : '' }
}

function releaseRefused(unmet: readonly string[]): {
  readonly ok: false
  readonly problem: Problem<'kbs-release-refused'>
} {
  const names = [...new Set(unmet)].slice(0, namesMax).join(', ')
  return refuse(
    'kbs-release-refused',
    'path',
    names === ''
      ? 'No policy releases this resource.'
      : `The policy does not release this resource; not as it asks: ${names}.`,
  )
}

const namesMax = 8
