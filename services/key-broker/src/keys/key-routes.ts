/**
 * Key Vault's keys API.
 *
 * @see Azure REST API specifications, Key Vault data plane, `keys.json`; docs/spec/key-broker.md
 * @module
 */

import {
  base64UrlOf,
  bytesOfBase64Url,
  ok,
  type Problem,
  type Result,
  refuse,
  textOf,
  utf8Of,
} from '@sealward/attestation/bytes'
import { inTransaction, reaching } from '@sealward/enclave/database'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Answer } from '../answer.ts'
import type { AuditActor } from '../audit/audit.ts'
import type { Broker } from '../broker.ts'
import {
  type CryptographyOperation,
  cryptographyOperations,
  operate,
} from '../cryptography/operate.ts'
import { bodyOf, finish, readBytes, vaultFailure } from '../http.ts'
import { limits as serviceLimits } from '../limits.ts'
import type { BrokerRole, People, Person } from '../people/people.ts'
import { deletionOf, keyBundleOf, keyIdOf, keyItemOf } from './key-bundle.ts'
import { createKeyChanges } from './key-changes.ts'
import { apiVersionProblem, nameProblem } from './key-path.ts'
import {
  readBackup,
  readCreate,
  readCryptography,
  readImport,
  readRandomCount,
  readRotation,
  readUpdate,
} from './key-request.ts'
import { createKeyStore, type StoredVersion } from './key-store.ts'
import { limits } from './limits.ts'
import { keyRefusal } from './refusal.ts'
import { defaultRotation, printRotationPolicy } from './rotation-policy.ts'
import { usable } from './usable.ts'

/** One request, by somebody who may ask. */
interface Asked {
  readonly actor: AuditActor
  /** Empty where the path has none. */
  readonly name: string
  readonly version: string | undefined
  readonly query: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
}

type Handler = (asked: Asked) => Promise<Result<object | undefined, Problem>>

interface Route {
  readonly method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT'
  readonly paths: readonly string[]
  readonly roles: readonly BrokerRole[]
  readonly handler: Handler
  readonly bytesMax?: number
}

const seeing: readonly BrokerRole[] = ['reader', 'user', 'releaser', 'officer']

/** @param scope - below it are only these routes. */
export function addKeyRoutes(scope: FastifyInstance, broker: Broker): void {
  const { people } = broker
  // Without anybody who names people there is nobody to serve.
  if (people === undefined) return
  readBytes(scope, ['application/json'], limits.backupBytesMax)
  scope.setErrorHandler((error, _request, reply) =>
    finish(broker.log, 'keys', reply, vaultFailure(broker.log, error)),
  )
  for (const route of routesOf(broker)) {
    for (const url of route.paths) {
      scope.route({
        method: route.method,
        url,
        bodyLimit: route.bytesMax ?? serviceLimits.bodyBytesMax,
        onRequest: async (request, reply) => admit(broker, people, route, request, reply),
        handler: async (request, reply) => {
          const person = persons.get(request)
          if (person === undefined) throw new Error('a request of nobody')
          const result = await route.handler(askedBy(person, request))
          return finish(broker.log, 'keys', reply, answerOf(result, route.method))
        },
      })
    }
  }
}

const persons = new WeakMap<FastifyRequest, Person>()

/** Before a body is read: Key Vault's clients ask without one first, to be told where tokens are to be had. */
async function admit(
  { log }: Broker,
  people: People,
  { roles }: Route,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  const person = await people.verify(request.headers.authorization, roles)
  if (!person.ok) return finish(log, 'keys', reply, keyRefusal(person.problem, people.challenge))
  const problem = apiVersionProblem(request.query) ?? nameProblem(request.params)
  if (problem !== undefined) return finish(log, 'keys', reply, keyRefusal(problem))
  persons.set(request, person.value)
  return undefined
}

function askedBy(person: Person, request: FastifyRequest): Asked {
  const { name = '', version } = request.params as {
    readonly name?: string
    readonly version?: string
  }
  return {
    actor: { kind: 'person', subject: person.subject },
    name,
    version,
    query: request.query as Readonly<Record<string, unknown>>,
    body: bodyOf(request),
  }
}

function answerOf(result: Result<object | undefined, Problem>, method: Route['method']): Answer {
  if (!result.ok) return keyRefusal(result.problem)
  return result.value === undefined
    ? { status: method === 'DELETE' ? 204 : 200 }
    : { status: 200, body: result.value }
}

function routesOf(broker: Broker): readonly Route[] {
  const changes = createKeyChanges(broker)
  const store = createKeyStore(broker.sealer)
  const { database, random, clock, audit } = broker
  const bundle = (stored: Result<StoredVersion, Problem>): Result<object, Problem> =>
    stored.ok ? ok(keyBundleOf(broker, stored.value)) : stored
  const deletedBundle = (stored: Result<StoredVersion, Problem>): Result<object, Problem> =>
    stored.ok
      ? ok({ ...keyBundleOf(broker, stored.value), ...deletionOf(broker, stored.value) })
      : stored
  const read = async (name: string, version?: string): Promise<Result<StoredVersion, Problem>> =>
    reaching<StoredVersion, Problem>(() => store.readVersion(database, name, version))
  const live = (stored: Result<StoredVersion, Problem>): Result<StoredVersion, Problem> =>
    stored.ok && stored.value.key.deleted !== undefined
      ? refuse('key-unknown', 'path', 'There is no key of this name.')
      : stored
  const deleted = (stored: Result<StoredVersion, Problem>): Result<StoredVersion, Problem> =>
    stored.ok && stored.value.key.deleted === undefined
      ? refuse('key-not-deleted', 'path', 'There is no deleted key of this name.')
      : stored

  const listing = (isDeleted: boolean, itemOf: (stored: StoredVersion) => object): Handler => {
    const path = isDeleted ? 'deletedkeys' : 'keys'
    return async ({ query }) => {
      const page = pageOf(query)
      if (!page.ok) return page
      const { after, count } = page.value
      const found = await reaching<readonly StoredVersion[], Problem>(() =>
        store.list(database, { deleted: isDeleted, after, count: count + 1 }),
      )
      if (!found.ok) return found
      const items = found.value.slice(0, count)
      const last = found.value.length > count ? items.at(-1)?.key.name.toLowerCase() : undefined
      return ok({
        value: items.map(itemOf),
        nextLink: nextLinkOf(broker, path, query, last),
      })
    }
  }

  const versions: Handler = async ({ name, query }) => {
    const page = pageOf(query)
    if (!page.ok) return page
    const { after, count } = page.value
    const found = await reaching<readonly StoredVersion[], Problem>(() =>
      store.readVersions(database, name),
    )
    if (!found.ok) return found
    if (found.value[0]?.key.deleted !== undefined) {
      return refuse('key-unknown', 'path', 'There is no key of this name.')
    }
    const from = after === '' ? 0 : found.value.findIndex(({ entry }) => entry.id === after) + 1
    const items = found.value.slice(from, from + count)
    const last = found.value.length > from + count ? items.at(-1)?.entry.id : undefined
    return ok({
      value: items.map((stored) => keyItemOf(broker, stored, true)),
      nextLink: nextLinkOf(broker, `keys/${name}/versions`, query, last),
    })
  }

  const doing =
    (operation: CryptographyOperation): Handler =>
    async ({ actor, name, version, body }) => {
      const request = readCryptography(body, operation === 'verify')
      if (!request.ok) return request
      const stored = await read(name, version)
      if (!stored.ok) return stored
      const at = clock.now()
      const use = usable(stored.value, operation, at)
      if (!use.ok) return use
      const done = operate(stored.value.version.material, operation, request.value, random)
      const { algorithm } = request.value
      // Whoever used a key is known before the answer is.
      const recorded = await inTransaction(database, async (transaction) => {
        await audit.append(transaction, {
          at,
          actor,
          action: `key-${operation.toLowerCase()}`,
          target: `keys/${name.toLowerCase()}/${stored.value.entry.id}`,
          outcome: done.ok ? 'done' : done.problem.code,
          ...(done.ok ? { details: { algorithm } } : {}),
        })
        return ok(true as const)
      })
      if (!recorded.ok) return recorded
      if (!done.ok) return done
      const { value, iv, tag } = done.value
      if (typeof value === 'boolean') return ok({ value })
      return ok({
        kid: keyIdOf(broker, stored.value),
        value: base64UrlOf(value),
        ...(iv === undefined ? {} : { iv: base64UrlOf(iv) }),
        ...(tag === undefined ? {} : { tag: base64UrlOf(tag) }),
        ...(request.value.aad === undefined ? {} : { aad: base64UrlOf(request.value.aad) }),
      })
    }

  const rotationOf = async (name: string): Promise<Result<object, Problem>> => {
    const stored = live(await read(name))
    if (!stored.ok) return stored
    const { key } = stored.value
    const id = `${broker.publicUrl}/keys/${key.name}/rotationpolicy`
    const { rotation } = key
    return ok(printRotationPolicy(id, rotation?.policy ?? defaultRotation, rotation))
  }

  const officer: readonly BrokerRole[] = ['officer']
  const named = '/keys/:name'
  const versioned = '/keys/:name/:version'
  return [
    {
      method: 'GET',
      paths: ['/keys'],
      roles: seeing,
      handler: listing(false, (stored) => keyItemOf(broker, stored, false)),
    },
    { method: 'GET', paths: [`${named}/versions`], roles: seeing, handler: versions },
    {
      method: 'GET',
      paths: [named, `${named}/`, versioned],
      roles: seeing,
      handler: async ({ name, version }) => bundle(live(await read(name, version))),
    },
    {
      method: 'POST',
      paths: [`${named}/create`],
      roles: officer,
      handler: async ({ actor, name, body }) => {
        const request = readCreate(body)
        return request.ok ? bundle(await changes.create(actor, name, request.value)) : request
      },
    },
    {
      method: 'PUT',
      paths: [named],
      roles: officer,
      handler: async ({ actor, name, body }) => {
        const request = readImport(body)
        return request.ok ? bundle(await changes.importKey(actor, name, request.value)) : request
      },
    },
    {
      method: 'PATCH',
      paths: [named, `${named}/`, versioned],
      roles: officer,
      handler: async ({ actor, name, version, body }) => {
        const request = readUpdate(body)
        return request.ok
          ? bundle(await changes.update(actor, name, version, request.value))
          : request
      },
    },
    {
      method: 'POST',
      paths: [`${named}/rotate`],
      roles: officer,
      handler: async ({ actor, name }) => bundle(await changes.rotate(actor, name)),
    },
    {
      method: 'GET',
      paths: [`${named}/rotationpolicy`],
      roles: seeing,
      handler: ({ name }) => rotationOf(name),
    },
    {
      method: 'PUT',
      paths: [`${named}/rotationpolicy`],
      roles: officer,
      handler: async ({ actor, name, body }) => {
        const policy = readRotation(body)
        if (!policy.ok) return policy
        const set = await changes.setRotation(actor, name, policy.value)
        return set.ok ? rotationOf(name) : set
      },
    },
    {
      method: 'DELETE',
      paths: [named],
      roles: officer,
      handler: async ({ actor, name }) => deletedBundle(await changes.remove(actor, name)),
    },
    {
      method: 'GET',
      paths: ['/deletedkeys'],
      roles: seeing,
      handler: listing(true, (stored) => ({
        ...keyItemOf(broker, stored, false),
        ...deletionOf(broker, stored),
      })),
    },
    {
      method: 'GET',
      paths: ['/deletedkeys/:name'],
      roles: seeing,
      handler: async ({ name }) => deletedBundle(deleted(await read(name))),
    },
    {
      method: 'POST',
      paths: ['/deletedkeys/:name/recover'],
      roles: officer,
      handler: async ({ actor, name }) => bundle(await changes.recover(actor, name)),
    },
    {
      method: 'DELETE',
      paths: ['/deletedkeys/:name'],
      roles: officer,
      handler: async ({ actor, name }) => {
        const purged = await changes.purge(actor, name)
        return purged.ok ? ok(undefined) : purged
      },
    },
    {
      method: 'POST',
      paths: [`${named}/backup`],
      roles: officer,
      handler: async ({ actor, name }) => {
        const backup = await changes.backup(actor, name)
        return backup.ok ? ok({ value: base64UrlOf(backup.value) }) : backup
      },
    },
    {
      method: 'POST',
      paths: ['/keys/restore'],
      roles: officer,
      bytesMax: limits.backupBytesMax,
      handler: async ({ actor, body }) => {
        const backup = readBackup(body)
        return backup.ok ? bundle(await changes.restore(actor, backup.value)) : backup
      },
    },
    {
      method: 'POST',
      paths: ['/rng'],
      roles: ['user', 'officer'],
      handler: async ({ body }) => {
        const count = readRandomCount(body)
        return count.ok ? ok({ value: base64UrlOf(random.bytes(count.value)) }) : count
      },
    },
    ...cryptographyOperations.map(
      (operation): Route => ({
        method: 'POST',
        // Key Vault writes them in lower case, and clients without a version with nothing in its place.
        paths: [`${versioned}/${operation.toLowerCase()}`, `${named}//${operation.toLowerCase()}`],
        roles: ['user'],
        handler: doing(operation),
      }),
    ),
  ]
}

interface Page {
  /** What the page before ended with; nothing for the first. */
  readonly after: string
  readonly count: number
}

function pageOf(query: Readonly<Record<string, unknown>>): Result<Page, Problem> {
  const { maxresults, $skiptoken: token } = query
  const count = maxresults === undefined ? limits.pageMax : Number(maxresults)
  if (
    typeof maxresults === 'object' ||
    !Number.isInteger(count) ||
    count < 1 ||
    count > limits.pageMax
  ) {
    return refuse(
      'page-malformed',
      'maxresults',
      `A number from 1 to ${limits.pageMax} is expected.`,
    )
  }
  if (token === undefined) return ok({ after: '', count })
  const isText = typeof token === 'string' && token.length <= limits.skipTokenCharactersMax
  const bytes = isText ? bytesOfBase64Url(token) : undefined
  const after = bytes && textOf(bytes)
  return after === undefined || after.includes('\0')
    ? refuse('page-malformed', '$skiptoken', 'The next page is named by the one before it.')
    : ok({ after, count })
}

function nextLinkOf(
  { publicUrl }: Broker,
  path: string,
  query: Readonly<Record<string, unknown>>,
  last: string | undefined,
): string | null {
  if (last === undefined) return null
  const parameters = new URLSearchParams({ 'api-version': String(query['api-version']) })
  parameters.set('$skiptoken', base64UrlOf(utf8Of(last)))
  const { maxresults } = query
  if (typeof maxresults === 'string') parameters.set('maxresults', maxresults)
  return `${publicUrl}/${path}?${parameters}`
}
