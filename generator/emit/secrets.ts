import type { Spec } from '../ir.js'
import { quote } from '../names.js'
import type { EmitOptions, GeneratedFile } from './file.js'
import { header, Printer } from './printer.js'

/** secrets.ts: names of the fields that a log must never show. */
export function emitSecrets(spec: Spec, options: EmitOptions): GeneratedFile {
  const names = [...new Set(spec.secrets.map(secret => secret.field))].sort()
  const out = new Printer().print(header(spec, options), '')
  out.doc('Names of all fields marked `x-wgrok-secret`, sorted.').print('export const SECRET_FIELDS = [')
  for (const name of names) out.print(`${quote(name)},`)
  out.print('] as const', '')
  out.doc('One of {@link SECRET_FIELDS}.').print('export type SecretField = (typeof SECRET_FIELDS)[number]')
  return { path: 'secrets.ts', text: out.toString() }
}
