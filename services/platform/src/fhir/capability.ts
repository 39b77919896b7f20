import type { CapabilityStatement, CapabilityStatementRestResource } from '@medplum/fhirtypes'
import { ok } from '@sealward/attestation/bytes'
import { fhir } from '../answer.ts'
import { type Handler, instantNow } from '../platform.ts'
import { readableTypes, searchParameters } from './reads.ts'

/** `GET /fhir/metadata` @see FHIR R4, 3.1.0.12 capabilities */
export const readCapabilities: Handler = async (platform) => {
  const searched = new Map(searchParameters)
  searched.set('Patient', ['identifier', 'family', 'birthdate'])
  const writes: Readonly<Record<string, readonly ('create' | 'update')[]>> = {
    Patient: ['create', 'update'],
    ServiceRequest: ['create'],
  }
  const resource = readableTypes.map((type): CapabilityStatementRestResource => {
    const names = searched.get(type)
    return {
      type,
      versioning: type === 'Patient' ? 'versioned-update' : 'versioned',
      interaction: [
        { code: 'read' },
        ...(names === undefined ? [] : [{ code: 'search-type' as const }]),
        ...(writes[type] ?? []).map((code) => ({ code })),
      ],
      ...(names === undefined
        ? {}
        : {
            searchParam: names.map((name) => ({ name, type: typeOfParameter(name) })),
          }),
      ...operationOn(type),
    }
  })
  const statement: CapabilityStatement = {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: instantNow(platform),
    kind: 'instance',
    implementation: { description: 'Sealward platform: reachable through its sealed channel only' },
    fhirVersion: '4.0.1',
    format: ['application/fhir+json'],
    rest: [{ mode: 'server', resource }],
  }
  return ok(fhir(statement))
}

function operationOn(type: string): Pick<CapabilityStatementRestResource, 'operation'> {
  const name = type === 'DiagnosticReport' ? 'sign' : type === 'Patient' ? 'erase' : undefined
  return name === undefined
    ? {}
    : { operation: [{ name, definition: `urn:sealward:operation:${name}` }] }
}

function typeOfParameter(name: string): 'token' | 'string' | 'date' | 'reference' {
  switch (name) {
    case 'identifier':
    case 'status':
      return 'token'
    case 'family':
      return 'string'
    case 'birthdate':
      return 'date'
    default:
      return 'reference'
  }
}
