export { ERROR_CODES, ERRORS, type ErrorCode, isErrorCode } from '../generated/errors.js'
export {
  FRAME_PROBLEMS,
  type FrameProblem,
  formatEcho,
  formatFlags,
  formatResponse,
  isPause,
  isResume,
  NO_FLAGS,
  PAUSE,
  parseEcho,
  parseFlags,
  parseResponse,
  RESUME,
} from '../generated/frames.js'
export { FRAGILE, FRAME_LIMITS, type FrameLimit, type FrameUnit, LIMITS } from '../generated/limits.js'
export { isPlatform, PLATFORMS } from '../generated/models.js'
export { type Allowlist, compileAllowlist } from './access/allowlist.js'
export type { Identity } from './access/identity.js'
export type { PeerOptions } from './bus/peer.js'
export {
  type MessageHandler,
  type ReceiverContext,
  type ReceiverOptions,
  type ReplyOptions,
  WgrokReceiver,
} from './bus/receiver.js'
export { type Reply, type RequestOptions, type SenderSendOptions, WgrokSender } from './bus/sender.js'
export { type Clock, systemClock, type Timer, type TimerOptions } from './clock.js'
export { type DecodeOptions, decode } from './codec/decode.js'
export { type Encoded, type EncodeOptions, encode } from './codec/encode.js'
export { KeyRing, keyRing } from './codec/keys.js'
export { type Drop, Reassembler, type ReassemblerOptions, type ReassemblyKey } from './codec/reassembler.js'
export type { Env } from './config/env.js'
export { botConfigFromEnv, receiverConfigFromEnv, senderConfigFromEnv } from './config/from-env.js'
export { WgrokError, type WgrokErrorOptions } from './errors.js'
export { readFlags } from './frame/flags.js'
export { echoFrame, responseFrame } from './frame/frame.js'
export { fits, measure } from './frame/measure.js'
export { stripMention } from './frame/mention.js'
export { ANONYMOUS, checkSlug, inboxOwner, isInbox, newInbox } from './frame/slug.js'
export { type Logger, type LoggerOptions, openLogger, silent } from './log.js'
export type {
  Address,
  AddressKind,
  BotConfig,
  Card,
  ChunkPosition,
  CompressMode,
  FlagSet,
  Frame,
  MessageContext,
  Platform,
  ReceiverConfig,
  SenderConfig,
  SendResult,
} from './protocol.js'
export { addressKey, formatAddress, parseAddress } from './transport/address.js'
export { openTransport, type TransportOptions } from './transport/open.js'
export type {
  InboundMessage,
  OutboundMessage,
  Receipt,
  SendOptions,
  Transport,
  TransportStatus,
} from './transport/transport.js'
