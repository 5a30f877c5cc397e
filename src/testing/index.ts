// Emulators of the platforms, on loopback: what `wgrok/testing` offers.
export {
  DISCORD_BOT,
  type DiscordEmulator,
  type DiscordEmulatorOptions,
  startDiscordEmulator,
} from './discord/emulator.js'
export type { EmulatedBot, EmulatedChannel, EmulatedMessage, EmulatedUser, Posting } from './discord/world.js'
export type { EmulatedIrcClient } from './irc/client.js'
export { type IrcBehaviour, IrcEmulator, startIrcEmulator } from './irc/emulator.js'
export { SlackEmulator, type SlackEmulatorOptions, startSlackEmulator } from './slack/emulator.js'
export { signSlack } from './slack/hooks.js'
export type { EmulatedSlackApp, EmulatedSlackMessage, EmulatedSlackUser } from './slack/workspace.js'
