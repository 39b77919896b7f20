/**
 * When a key gets a new version by itself.
 *
 * @see Key Vault, "Configure cryptographic key auto-rotation"; ISO 8601-1, section 5.5.2
 * @module
 */

import type { Shape, UnixSeconds } from '@sealward/attestation/bytes'
import { limits } from './limits.ts'

export interface RotationPolicy {
  /** At most one of each kind. */
  readonly actions: readonly RotationAction[]
  /** How long a version lives that rotation makes: an ISO 8601 duration. */
  readonly expiryTime?: string | undefined
}

export interface RotationAction {
  readonly does: 'rotate' | 'notify'
  readonly trigger: 'timeAfterCreate' | 'timeBeforeExpiry'
  /** ISO 8601. */
  readonly duration: string
}

/** What holds for a key that nobody said anything about. */
export const defaultRotation: RotationPolicy = {
  actions: [{ does: 'notify', trigger: 'timeBeforeExpiry', duration: 'P30D' }],
}

/** Reads `{lifetimeActions, attributes: {expiryTime}}`; what clients send back of an answer is passed over. */
export function readRotationPolicy(shape: Shape): RotationPolicy {
  return shape.object('refused', ({ optional }) => {
    optional('id')
    const actions = optional('lifetimeActions')?.list(2, readAction) ?? []
    const expiryTime = optional('attributes')?.object('refused', (attributes) => {
      attributes.optional('created')
      attributes.optional('updated')
      const time = attributes.optional('expiryTime')
      return time === undefined || time.kind === 'null' ? undefined : readDuration(time)
    })
    if (new Set(actions.map(({ does }) => does)).size < actions.length) {
      return shape.fail('wrong-value', 'each kind of action once')
    }
    for (const { does, trigger, duration } of actions) {
      if (does !== 'rotate' || trigger !== 'timeBeforeExpiry') continue
      if (expiryTime === undefined) {
        return shape.fail('field-missing', 'attributes.expiryTime expected: nothing would expire')
      }
      if (secondsOf(expiryTime) - secondsOf(duration) < limits.rotationSecondsMin) {
        return shape.fail('wrong-value', 'a version would be replaced as soon as it is made')
      }
    }
    return { actions, ...(expiryTime === undefined ? {} : { expiryTime }) }
  })
}

function readAction(shape: Shape): RotationAction {
  return shape.object('refused', ({ required }) => {
    const does = required('action').object('refused', (action) =>
      action.required('type').oneOf(['Rotate', 'rotate', 'Notify', 'notify']),
    )
    return required('trigger').object('refused', (trigger) => {
      const present = (['timeAfterCreate', 'timeBeforeExpiry'] as const).flatMap((name) => {
        const value = trigger.optional(name)
        return value === undefined || value.kind === 'null' ? [] : [{ name, value }]
      })
      const [only, ...more] = present
      if (only === undefined || more.length > 0) {
        return shape.fail('wrong-value', 'either timeAfterCreate or timeBeforeExpiry')
      }
      return {
        does: does.toLowerCase() as RotationAction['does'],
        trigger: only.name,
        duration: readDuration(only.value),
      }
    })
  })
}

const durationForm =
  /^P(?=\d|T\d)(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,5})W)?(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,10})S)?)?$/

function readDuration(shape: Shape): string {
  const duration = shape.string(limits.durationCharactersMax, durationForm)
  const seconds = secondsOf(duration)
  if (seconds < limits.rotationSecondsMin || seconds > limits.rotationSecondsMax) {
    return shape.fail('wrong-value', 'a duration from an hour to a hundred years')
  }
  return duration
}

/** How long it is, from 1970 on. */
function secondsOf(duration: string): number {
  return after(0, duration)
}

/** The instant a duration after another, or before it: calendar months are what they are. */
export function after(at: UnixSeconds, duration: string, direction: 1 | -1 = 1): UnixSeconds {
  const [years, months, weeks, days, hours, minutes, seconds] = (durationForm.exec(duration) ?? [])
    .slice(1)
    .map((text: string | undefined) => direction * Number(text ?? 0))
  const date = new Date(at * 1000)
  const day = date.getUTCDate()
  date.setUTCDate(1)
  date.setUTCMonth(date.getUTCMonth() + 12 * (years ?? 0) + (months ?? 0))
  // A month after 31 January is the last day of February.
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate()
  date.setUTCDate(Math.min(day, last))
  const exact = 604_800 * (weeks ?? 0) + 86_400 * (days ?? 0) + 3600 * (hours ?? 0)
  return Math.floor(date.getTime() / 1000) + exact + 60 * (minutes ?? 0) + (seconds ?? 0)
}

/** When an action is due for a version; never, where it waits for the end of one that has none. */
export function dueAt(
  action: RotationAction,
  {
    createdAt,
    expiresAt,
  }: { readonly createdAt: UnixSeconds; readonly expiresAt?: UnixSeconds | undefined },
): UnixSeconds | undefined {
  if (action.trigger === 'timeAfterCreate') return after(createdAt, action.duration)
  return expiresAt === undefined ? undefined : after(expiresAt, action.duration, -1)
}

/** As Key Vault writes it. */
export function printRotationPolicy(
  id: string,
  policy: RotationPolicy,
  times?: { readonly createdAt: UnixSeconds; readonly updatedAt: UnixSeconds },
): object {
  return {
    id,
    lifetimeActions: policy.actions.map(({ does, trigger, duration }) => ({
      trigger: { [trigger]: duration },
      action: { type: does === 'rotate' ? 'Rotate' : 'Notify' },
    })),
    attributes: {
      ...(policy.expiryTime === undefined ? {} : { expiryTime: policy.expiryTime }),
      ...(times === undefined ? {} : { created: times.createdAt, updated: times.updatedAt }),
    },
  }
}
