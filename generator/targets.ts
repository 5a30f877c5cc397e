import { emitEnvExample, injectConfigTable } from './emit/env.js'
import type { Build } from './pipeline.js'
import { readText } from './sync.js'

/** Files outside of the output folder that are kept in step with the spec. */
export interface Targets {
  /** Absolute path -> wanted content. */
  readonly files: ReadonlyMap<string, string>
  /** Files without the region to fill, or not there at all. */
  readonly unfilled: readonly string[]
}

/**
 * What `--env` and `--inject` ask for.
 * @param env absolute path that becomes an example environment file
 * @param inject absolute path of a text whose marked region becomes the config table
 */
export async function targetsOf(build: Build, env: string | undefined, inject: string | undefined): Promise<Targets> {
  const files = new Map<string, string>()
  if (env !== undefined) files.set(env, emitEnvExample(build.spec, build.options))
  if (inject === undefined) return { files, unfilled: [] }
  const text = await readText(inject)
  const injected = text === undefined ? undefined : injectConfigTable(text, build.spec)
  if (injected === undefined) return { files, unfilled: [inject] }
  return { files: files.set(inject, injected), unfilled: [] }
}
