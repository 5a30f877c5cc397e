import type { Spec } from '../ir.js'
import { key, quote } from '../names.js'
import type { EmitOptions, GeneratedFile } from './file.js'
import { generatedFrom, header, Printer } from './printer.js'

/** errors.ts: the closed list of error codes. */
export function emitErrors(spec: Spec, options: EmitOptions): GeneratedFile {
  const from = generatedFrom('#/x-wgrok-errors')
  const out = new Printer().print(header(spec, options), '')
  out.doc('Every {@link ErrorCode}, in the order of the spec.', from).print('export const ERROR_CODES = [')
  for (const error of spec.errors) out.print(`${quote(error.code)},`)
  out.print('] as const', '')
  out.doc('Says what went wrong; stable across versions.', from)
  out.print('export type ErrorCode = (typeof ERROR_CODES)[number]', '')
  out.doc('What is known about a code.').print('export interface ErrorMeaning {')
  out.doc('The HTTP status that fits best.').print('readonly status: number')
  out.doc('True when the same call may succeed later.').print('readonly retryable: boolean')
  out.print('readonly meaning: string', '}', '')
  out.doc('What each code means.', from)
  out.print('export const ERRORS: Readonly<Record<ErrorCode, ErrorMeaning>> = {')
  for (const error of spec.errors) {
    const { status, retryable, meaning } = error
    out.print(`${key(error.code)}: { status: ${status}, retryable: ${retryable}, meaning: ${quote(meaning)} },`)
  }
  out.print('}', '')
  out.doc('True for one of {@link ERROR_CODES}.', from)
  out.print('export function isErrorCode(value: unknown): value is ErrorCode {')
  out.print("return typeof value === 'string' && Object.hasOwn(ERRORS, value)", '}')
  return { path: 'errors.ts', text: out.toString() }
}
