import { BOT_CONFIG, type ConfigRow, RECEIVER_CONFIG, SENDER_CONFIG } from '../../generated/config.js'
import {
  type Validate,
  validateBotConfig,
  validateReceiverConfig,
  validateSenderConfig,
} from '../../generated/validators.js'
import { WgrokError } from '../errors.js'
import type { BotConfig, ReceiverConfig, SenderConfig } from '../protocol.js'
import { explain } from '../validate.js'
import { type Env, readEnv } from './env.js'
import { checkBot, checkPeer, checkSender } from './rules.js'

/**
 * The configuration of a sender. `from` is the slug unless `WGROK_FROM` says otherwise.
 *
 * @param env default: the process's environment
 * @returns frozen; fields without value or default are absent
 * @throws WgrokError `config-missing`, `config-invalid`; both name the variable and never a value
 */
export function senderConfigFromEnv(env: Env = process.env): SenderConfig {
  const config = load(SENDER_CONFIG, validateSenderConfig, env)
  checkSender(config)
  return deepFreeze({ ...config, from: config.from ?? config.slug })
}

/** The configuration of a receiver. Parameters, result and errors as with {@link senderConfigFromEnv}. */
export function receiverConfigFromEnv(env: Env = process.env): ReceiverConfig {
  const config = load(RECEIVER_CONFIG, validateReceiverConfig, env)
  checkPeer(config)
  return deepFreeze(config)
}

/** The configuration of a router. Parameters, result and errors as with {@link senderConfigFromEnv}. */
export function botConfigFromEnv(env: Env = process.env): BotConfig {
  const config = load(BOT_CONFIG, validateBotConfig, env)
  checkBot(config)
  return deepFreeze(config)
}

/** Reads the table, then lets the spec's own validator look at what the table does not hold, such as lengths. */
function load<Config>(rows: readonly ConfigRow[], validate: Validate<Config>, env: Env): Config {
  const config: unknown = readEnv(rows, env)
  if (validate(config)) return config
  const [problem] = explain(validate.errors)
  const field = problem?.pointer.split('/')[1]
  const row = rows.find(candidate => candidate.field === field)
  throw new WgrokError('config-invalid', `${row?.env ?? 'configuration'}: expected ${problem?.expected}`)
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const item of Object.values(value)) deepFreeze(item)
  return Object.freeze(value)
}
