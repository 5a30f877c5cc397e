import { compileAllowlist } from '../../access/allowlist.js'
import { botConfigFromEnv, receiverConfigFromEnv, senderConfigFromEnv } from '../../config/from-env.js'
import { record, texts } from '../input.js'
import type { Input, Operation } from '../testee.js'

/** Allowlist and configuration. */
export const POLICY_OPS: Readonly<Record<string, Operation>> = {
  'allowlist.allows': input =>
    compileAllowlist(texts(input, 'patterns')).allows({ principals: texts(input, 'principals') }),
  'config.sender': input => senderConfigFromEnv(envOf(input)),
  'config.receiver': input => receiverConfigFromEnv(envOf(input)),
  'config.bot': input => botConfigFromEnv(envOf(input)),
}

function envOf(input: Input): Record<string, string> {
  return record(input, 'env') as Record<string, string>
}
