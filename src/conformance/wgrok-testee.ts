import { BUS_OPS } from './ops/bus.js'
import { CODEC_OPS } from './ops/codec.js'
import { DISCORD_OPS } from './ops/discord.js'
import { DISPATCH_OPS } from './ops/dispatch.js'
import { FRAME_OPS } from './ops/frame.js'
import { IRC_OPS } from './ops/irc.js'
import { POLICY_OPS } from './ops/policy.js'
import { REST_OPS } from './ops/rest.js'
import { SLACK_OPS } from './ops/slack.js'
import { WEBEX_OPS } from './ops/webex.js'
import { BridgeRoles } from './roles.js'
import { inProcess, type Testee } from './testee.js'

/** Spec versions that this library implements. */
export const SPEC_VERSIONS: readonly string[] = ['1.0']

/** Features that this library declares; `features.ts` says what each stands for. */
const DECLARED = [
  'crypto',
  'compact',
  'utf16-strings',
  'fake-clock',
  'mention',
  'inbox',
  'bridge.server',
  'bridge.client',
  'webex',
  'slack',
  'discord',
  'irc',
]

/** This library as a testee, in this process. */
export function wgrokTestee(version: string): Testee {
  const impl = { name: 'wgrok-ts', language: 'typescript', version }
  const roles = new BridgeRoles()
  const testee = inProcess(
    { impl, specs: SPEC_VERSIONS, features: DECLARED },
    {
      ...FRAME_OPS,
      ...CODEC_OPS,
      ...POLICY_OPS,
      ...BUS_OPS,
      ...DISPATCH_OPS,
      ...REST_OPS,
      ...DISCORD_OPS,
      ...IRC_OPS,
      ...SLACK_OPS,
      ...WEBEX_OPS,
    },
    control => roles.control(control),
  )
  return { ...testee, close: () => roles.close() }
}
