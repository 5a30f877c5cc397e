import type { Model, PlatformSpec, Spec } from '../ir.js'
import { key, quote } from '../names.js'
import type { EmitOptions, GeneratedFile } from './file.js'
import { generatedFrom, header, Printer } from './printer.js'

/** limits.ts: sizes, counts and times of the spec, and how each platform measures a frame. */
export function emitLimits(spec: Spec, options: EmitOptions): GeneratedFile {
  const out = new Printer().print(header(spec, options), '')
  const platform = spec.models.find(isPlatformEnum)
  if (platform !== undefined && spec.platforms.length > 0) out.print("import type { Platform } from './models.js'", '')
  out.doc(
    'Every size, count and time that the protocol fixes, or gives as a default.',
    generatedFrom('#/x-wgrok-limits'),
  )
  out.print('export const LIMITS = {')
  for (const limit of spec.limits) {
    out.doc(`${limit.doc.replace(/[.\s]+$/, '')}. Unit: ${limit.unit}.`, generatedFrom(limit.pointer))
    out.print(`${key(limit.name)}: ${JSON.stringify(limit.value)},`)
  }
  out.print('} as const', '')
  if (spec.platforms.length > 0) emitPlatforms(out, spec, platform === undefined ? 'string' : 'Platform')
  return { path: 'limits.ts', text: out.toString() }
}

function isPlatformEnum(model: Model): boolean {
  return model.name === 'Platform' && model.kind === 'enum'
}

function emitPlatforms(out: Printer, spec: Spec, name: string): void {
  out.doc('What a platform counts when it measures a message.')
  out.print("export type FrameUnit = 'utf8-bytes' | 'utf16-units' | 'code-points'", '')
  out.doc('The largest frame of a platform.')
  out.print('export interface FrameLimit {')
  out.doc('In `unit`, prefix and flags included.').print('readonly size: number')
  out.print('readonly unit: FrameUnit')
  out.doc('Characters that the platform rewrites, and what each then counts.')
  out.print('readonly costs?: Readonly<Record<string, number>>', '}', '')

  const from = generatedFrom('#/x-wgrok-platforms')
  out.doc('The largest frame per platform.', from)
  out.print(`export const FRAME_LIMITS: Readonly<Record<${name}, FrameLimit>> = {`)
  for (const platform of spec.platforms) {
    out.doc(platform.doc, generatedFrom(platform.pointer))
    out.print(`${key(platform.name)}: ${limitText(platform)},`)
  }
  out.print('}', '')
  out.doc('Text that a platform would damage; such a payload travels compressed.', from)
  out.print(`export const FRAGILE: Readonly<Partial<Record<${name}, RegExp>>> = {`)
  for (const { name: platform, fragile } of spec.platforms) {
    if (fragile !== undefined) out.print(`${key(platform)}: ${String(new RegExp(fragile, 'u'))},`)
  }
  out.print('}')
}

function limitText(platform: PlatformSpec): string {
  const costs = platform.costs?.map(({ char, cost }) => `${quote(char)}: ${cost}`).join(', ')
  return `{ size: ${platform.size}, unit: ${quote(platform.unit)}${costs === undefined ? '' : `, costs: { ${costs} }`} }`
}
