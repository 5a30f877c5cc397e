import { createHash } from 'node:crypto'
import { emitChannels } from './emit/channels.js'
import { emitConfig } from './emit/config.js'
import { emitDocs } from './emit/docs.js'
import { emitErrors } from './emit/errors.js'
import type { EmitOptions, GeneratedFile } from './emit/file.js'
import { emitFixtures } from './emit/fixtures.js'
import { emitFrames } from './emit/frames.js'
import { emitInterfaces } from './emit/interfaces.js'
import { emitLimits } from './emit/limits.js'
import { emitMessages } from './emit/messages.js'
import { emitRest } from './emit/rest.js'
import { emitSchemas } from './emit/schemas.js'
import { emitSecrets } from './emit/secrets.js'
import { emitStubs } from './emit/stubs.js'
import { emitTypes } from './emit/types.js'
import { emitValidators } from './emit/validators.js'
import { formatFiles } from './format.js'
import type { Spec } from './ir.js'

/** Goes into the manifest; raised whenever the output for an unchanged spec changes. */
export const GENERATOR_VERSION = '0.1.0'

/** Path of the list of everything that was generated. */
export const MANIFEST = 'manifest.json'

/** manifest.json. The only generated file that changes with every edit of the spec. */
export interface Manifest {
  readonly generator: string
  /** info.version of the spec. */
  readonly version: string
  /** Hash of the spec, LF-normalised. */
  readonly spec: string
  /** Path to hash, sorted by path. */
  readonly files: Readonly<Record<string, string>>
}

/**
 * Everything that a spec turns into: path below the output folder -> content. Pure; the same spec gives the same bytes.
 * @param toInterfaces lets another thread do the work of {@link emitInterfaces}
 */
export async function render(
  spec: Spec,
  options: EmitOptions,
  toInterfaces: typeof emitInterfaces = emitInterfaces,
): Promise<Map<string, string>> {
  const emitted = await Promise.all([
    emitTypes(spec, options, toInterfaces),
    emitValidators(spec, options),
    emitStubs(spec, options),
    emitChannels(spec, options),
    emitMessages(spec, options),
    emitFrames(spec, options),
    emitLimits(spec, options),
    emitErrors(spec, options),
    emitConfig(spec, options),
    emitSecrets(spec, options),
    emitRest(spec, options),
    emitSchemas(spec),
    emitFixtures(spec),
    emitDocs(spec, options),
  ])
  const files = await formatFiles(emitted.flat())
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  const manifest: Manifest = {
    generator: GENERATOR_VERSION,
    version: spec.info.version,
    spec: spec.sha256,
    files: Object.fromEntries(files.map(file => [file.path, sha256(file.text)])),
  }
  const all: GeneratedFile[] = [...files, { path: MANIFEST, text: `${JSON.stringify(manifest, null, 2)}\n` }]
  return new Map(all.map(file => [file.path, file.text]))
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex')
}
