import { readFile } from 'node:fs/promises'
import { defaultPolicyFor } from '@sealward/attestation/policy'
import { amdRootSpkis, intelSgxRootSpki } from '@sealward/attestation/verification'
import * as z from 'zod'

/** What an operator says of an instance. */
export interface AttestationConfig {
  /** As tokens name it; `/certs` and `/token` are below it. */
  readonly issuer: string
  /** 0 for any free port. */
  readonly port: number
  /** Holds the signing key. */
  readonly stateFolder: string
  /** Address of the provisioning certification service, or of a cache of it. */
  readonly pcsUrl: string
  /** Address of AMD's key distribution service, or of a cache of it. Without it, nothing of SEV-SNP is believed. */
  readonly kdsUrl?: string | undefined
  /** Whether simulated evidence may be let in. */
  readonly development: boolean
  /** Hex SHA-256 of the SPKI of evidence roots; Intel's and AMD's, where none is given. */
  readonly roots?: readonly string[] | undefined
  /** A policy in the place of the built-in one. */
  readonly policyFile?: string | undefined
}

/** A non-development instance that names any root but Intel's and AMD's is refused: it would let in what protects nothing. */
export const attestationConfig: z.ZodType<AttestationConfig> = z
  .strictObject({
    issuer: z.url({ protocol: /^https?$/ }).regex(/[^/]$/, 'without a slash at the end'),
    port: z.int().min(0).max(65_535).default(0),
    stateFolder: z.string().min(1),
    pcsUrl: z.url({ protocol: /^https?$/ }),
    kdsUrl: z.url({ protocol: /^https?$/ }).optional(),
    development: z.boolean(),
    roots: z
      .array(z.string().regex(/^[0-9a-f]{64}$/, 'hex SHA-256 of a root expected'))
      .min(1)
      .optional(),
    policyFile: z.string().min(1).optional(),
  })
  .refine(({ development, roots }) => development || rootsOf({ roots }).every(isVendors), {
    path: ['roots'],
    message: "only a development instance may accept a root that is neither Intel's nor AMD's",
  })

/** The evidence roots of an instance. */
export function rootsOf(config: Pick<AttestationConfig, 'roots'>): readonly string[] {
  return config.roots ?? vendorRoots
}

/**
 * The text of the instance's policy.
 *
 * @throws when the file cannot be read.
 */
export async function policyTextOf(
  config: Pick<AttestationConfig, 'development' | 'policyFile'>,
): Promise<string> {
  if (config.policyFile !== undefined) return readFile(config.policyFile, 'utf8')
  return defaultPolicyFor('SgxEnclave', { development: config.development })
}

const vendorRoots: readonly string[] = [intelSgxRootSpki.sha256, ...Object.values(amdRootSpkis)]

function isVendors(root: string): boolean {
  return vendorRoots.includes(root)
}
