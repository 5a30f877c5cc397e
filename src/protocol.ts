/** The generated names that the rest of `src/` uses, in one place. */

export type { FrameLimit, FrameUnit } from '../generated/limits.js'
export type {
  Address,
  AddressKind,
  AppCommand,
  BotConfig,
  Capability,
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
} from '../generated/models.js'
