import {
  addDenial,
  getDenialHistory,
  listDenials,
  removeDenial,
} from '../revocation/administer-deny-list.ts'
import type { AdministrationHandler } from './administration-request.ts'
import { decide, listApprovals } from './approvals.ts'
import { getPolicyHistory, getPolicyVersion, getSignerHistory } from './history.ts'
import { getPolicy, resetPolicy, setPolicy } from './policies.ts'
import { addSigner, getSigners, removeSigner } from './policy-signers.ts'

export interface AdministrationRoute {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** `::` is one colon that names nothing. */
  readonly path: string
  readonly handler: AdministrationHandler
  /** Whether Azure has it too, and asks for a version of its contract. */
  readonly isAzures: boolean
}

/** Everything that administers an instance. */
export const administrationRoutes: readonly AdministrationRoute[] = [
  { method: 'GET', path: '/policies/:type', handler: getPolicy, isAzures: true },
  { method: 'PUT', path: '/policies/:type', handler: setPolicy, isAzures: true },
  { method: 'POST', path: '/policies/:target', handler: resetPolicy, isAzures: true },
  { method: 'GET', path: '/certificates', handler: getSigners, isAzures: true },
  { method: 'POST', path: '/certificates::add', handler: addSigner, isAzures: true },
  { method: 'POST', path: '/certificates::remove', handler: removeSigner, isAzures: true },
  { method: 'GET', path: '/policies/:type/history', handler: getPolicyHistory, isAzures: false },
  {
    method: 'GET',
    path: '/policies/:type/versions/:version',
    handler: getPolicyVersion,
    isAzures: false,
  },
  { method: 'GET', path: '/certificates/history', handler: getSignerHistory, isAzures: false },
  { method: 'GET', path: '/approvals', handler: listApprovals, isAzures: false },
  { method: 'POST', path: '/approvals/:target', handler: decide, isAzures: false },
  { method: 'GET', path: '/deny-list/entries', handler: listDenials, isAzures: false },
  { method: 'GET', path: '/deny-list/history', handler: getDenialHistory, isAzures: false },
  { method: 'POST', path: '/deny-list::add', handler: addDenial, isAzures: false },
  { method: 'POST', path: '/deny-list::remove', handler: removeDenial, isAzures: false },
]
