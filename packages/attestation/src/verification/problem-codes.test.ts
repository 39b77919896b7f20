import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'

const source = resolve(import.meta.dirname, '..')
const page = readFileSync(resolve(source, '../../../docs/spec/problem-codes.md'), 'utf8')

/** Where each union of codes is declared. */
const unions = [
  ['verification/problem-codes.ts', 'VerificationCode'],
  ['verification/problem-codes.ts', 'BindingCode'],
  ['claims/appraisal-fields.ts', 'AppraisalCode'],
  ['token/token.ts', 'TokenCode'],
  ['token/deny-list.ts', 'DenyListCode'],
  ['token/deny-list.ts', 'DenialCode'],
  ['evidence/dcap-quote.ts', 'DcapQuoteCode'],
  ['evidence/snp-report.ts', 'SnpReportCode'],
  ['evidence/evidence-document.ts', 'EvidenceDocumentCode'],
  ['verification/verify-hcl-binding.ts', 'HclBindingCode'],
  ['verification/verify-uvm-endorsement.ts', 'UvmEndorsementCode'],
  ['verification/verify-uvm-endorsement.ts', 'UvmBindingCode'],
  ['verification/verify-ra-tls-binding.ts', 'RaTlsBindingCode'],
  ['evidence/hcl-report.ts', 'HclReportCode'],
  ['evidence/tpm-quote.ts', 'TpmQuoteCode'],
  ['evidence/cose-sign1.ts', 'CoseSign1Code'],
  ['evidence/ra-tls.ts', 'RaTlsCode'],
  ['evidence/open-enclave-report.ts', 'OpenEnclaveReportCode'],
  ['evidence/amd-certificate-table.ts', 'AmdCertificateTableCode'],
  ['policy/policy.ts', 'PolicyParseCode'],
  ['policy/policy.ts', 'PolicyEvaluationCode'],
  ['token/bound-data.ts', 'BoundDataCode'],
  ['token/ear.ts', 'EarCode'],
  ['token/attested-signer.ts', 'AttestedSignerCode'],
  ['bytes/cbor.ts', 'CborCode'],
  ['x509/problems.ts', 'X509Code'],
  ['der/der.ts', 'DerCode'],
  ['bytes/cursor.ts', 'ParseCode'],
  ['bytes/json.ts', 'JsonCode'],
  ['bytes/json-syntax.ts', 'JsonSyntaxCode'],
  ['bytes/shape.ts', 'ShapeCode'],
] as const

test.each(unions)('%s: every code of %s is explained', (path, name) => {
  const text = readFileSync(resolve(source, path), 'utf8')
  const declaration = new RegExp(`type ${name} =([^;]*?)\\n(\\n|/\\*\\*|$)`).exec(text)?.[1] ?? ''
  const codes = [...declaration.matchAll(/'([a-z0-9-]+)'/g)].map(([, code]) => code ?? '')
  expect(codes.length).toBeGreaterThan(0)
  expect(codes.filter((code) => !page.includes(`\`${code}\``))).toEqual([])
})
