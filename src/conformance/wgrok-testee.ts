import { BUS_OPS } from './ops/bus.js'
import { CODEC_OPS } from './ops/codec.js'
import { FRAME_OPS } from './ops/frame.js'
import { POLICY_OPS } from './ops/policy.js'
import { SLACK_OPS } from './ops/slack.js'
import { inProcess, type Testee } from './testee.js'

/** Spec versions that this library implements. */
export const SPEC_VERSIONS: readonly string[] = ['1.0']

/**
 * Features that this library declares. `utf16-strings`: its strings can hold half a surrogate pair. `fake-clock`: cases
 * may let time pass.
 */
const FEATURES = ['crypto', 'compact', 'utf16-strings', 'fake-clock', 'mention', 'inbox', 'slack']

/** This library as a testee, in this process. */
export function wgrokTestee(version: string): Testee {
  const impl = { name: 'wgrok-ts', language: 'typescript', version }
  return inProcess(
    { impl, specs: SPEC_VERSIONS, features: FEATURES },
    { ...FRAME_OPS, ...CODEC_OPS, ...POLICY_OPS, ...BUS_OPS, ...SLACK_OPS },
  )
}
