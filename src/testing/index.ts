// Emulators of the platforms, on loopback: what `wgrok/testing` offers. The official clients work against them unchanged.
export {
  DISCORD_BOT,
  type DiscordEmulator,
  type DiscordEmulatorOptions,
  type Fault as DiscordFault,
  type RecordedCall as DiscordCall,
  startDiscordEmulator,
} from './discord/emulator.js'
export type { GatewayClose, GatewayFrame, GatewaySide, Silence } from './discord/gateway.js'
export type { SignedRequest, SignOptions } from './discord/interactions.js'
export type { Rate, Rates } from './discord/rates.js'
export type { RestSide } from './discord/rest.js'
export type {
  EmulatedBot as EmulatedDiscordBot,
  EmulatedChannel as EmulatedDiscordChannel,
  EmulatedMessage as EmulatedDiscordMessage,
  EmulatedUser as EmulatedDiscordUser,
  Posting,
} from './discord/world.js'
export {
  type EmulatedRequest,
  type EmulatedResponse,
  type EmulatorHandlers,
  type EmulatorServer,
  startEmulatorServer,
} from './http-server.js'
export type { EmulatedIrcClient } from './irc/client.js'
export { type IrcBehaviour, IrcEmulator, startIrcEmulator } from './irc/emulator.js'
export { type Say, SlackEmulator, type SlackEmulatorOptions, startSlackEmulator } from './slack/emulator.js'
export { type HookBehaviour, type RecordedHook, signSlack } from './slack/hooks.js'
export type { DisconnectReason, EmulatedSlackSocket, RecordedAck, SocketBehaviour } from './slack/sockets.js'
export type { SlackCall, WebApiLimits } from './slack/web-api.js'
export type {
  AddApp,
  EmulatedSlackApp,
  EmulatedSlackChannel,
  EmulatedSlackMessage,
  EmulatedSlackUser,
} from './slack/workspace.js'
export {
  type EmulatedWebexWebhook,
  type RecordedCall as WebexCall,
  startWebexEmulator,
  WebexEmulator,
  type WebexEmulatorOptions,
} from './webex/emulator.js'
export type { EmulatedMercurySocket, EmulatedWebexDevice, MercuryBehaviour } from './webex/mercury.js'
export type {
  EmulatedWebexAccount,
  EmulatedWebexAction,
  EmulatedWebexMessage,
  EmulatedWebexRoom,
  WebexSay,
} from './webex/world.js'
