import { debianProgram, freePort, type RunningServer, startServer } from '../support/debian-server.js'

/** A certificate for `localhost` and its key, as PEM. */
export interface ServerCertificate {
  readonly cert: string
  readonly key: string
}

/** What a test server may be told. */
export interface IrcServerOptions {
  /** Refuses connections without this PASS. */
  readonly password?: string
  /** Ends connections that are too fast. Default: no flood penalty at all. */
  readonly strict?: boolean
  /** Opens a TLS port too. */
  readonly tls?: ServerCertificate
}

/** A real IRC server on loopback. */
export interface IrcServer extends RunningServer {
  readonly name: string
  readonly tlsPort: number | undefined
}

/** How one kind of server is started; or why it cannot be. */
export interface IrcServerKind {
  readonly name: 'ngircd' | 'inspircd'
  /** Why the tests of this server are skipped. */
  readonly missing: string | undefined
  start(options?: IrcServerOptions): Promise<IrcServer>
}

const NGIRCD = (port: number, tlsPort: number | undefined, options: IrcServerOptions): string => `
[Global]
  Name = irc.test
  Info = wgrok test
  AdminInfo1 = test
  AdminEMail = admin@irc.test
  Network = TestNet
  Listen = 127.0.0.1
  Ports = ${port}
  MotdPhrase = "Hello"
  ServerUID = 0
  ServerGID = 0
  ${options.password === undefined ? '' : `Password = ${options.password}`}
[Limits]
  MaxConnectionsIP = 0
  MaxJoins = 0
  MaxNickLength = 20
  MaxPenaltyTime = ${options.strict === true ? -1 : 0}
[Options]
  DNS = no
  Ident = no
  PAM = no
  OperCanUseMode = yes
[Operator]
  Name = oper
  Password = operpass
[Channel]
  Name = #invited
  Modes = i
[Channel]
  Name = #locked
  Modes = k
  Key = secret
[Channel]
  Name = #moderated
  Modes = m
${
  tlsPort === undefined
    ? ''
    : `[SSL]
  CertFile = {folder}/cert.pem
  KeyFile = {folder}/key.pem
  Ports = ${tlsPort}
`
}`

const INSPIRCD = (port: number, tlsPort: number | undefined, options: IrcServerOptions): string => `
<config format="xml">
<server name="irc.test" description="wgrok test" network="TestNet">
<admin name="test" nick="test" email="admin@irc.test">
<bind address="127.0.0.1" port="${port}" type="clients">
${
  tlsPort === undefined
    ? ''
    : `<module name="ssl_gnutls">
<sslprofile name="test" provider="gnutls" certfile="{folder}/cert.pem" keyfile="{folder}/key.pem">
<bind address="127.0.0.1" port="${tlsPort}" type="clients" sslprofile="test">`
}
<connect name="main" allow="*" timeout="60" pingfreq="120" hardsendq="8M" softsendq="4M" recvq="4M"
  localmax="1000" globalmax="1000" maxchans="50" resolvehostnames="no" useident="no"
  ${options.strict === true ? 'threshold="10" commandrate="1000" fakelag="no"' : 'threshold="1000000" commandrate="1000000000" fakelag="no"'}
  ${options.password === undefined ? '' : `password="${options.password}"`}>
<class name="all" commands="*" usermodes="*" chanmodes="*" privs="users/flood/no-fakelag users/flood/no-throttle users/flood/increased-buffers">
<type name="admin" classes="all">
<oper name="oper" password="operpass" host="*@*" type="admin">
<path configdir="{folder}" datadir="{folder}" logdir="{folder}" runtimedir="{folder}">
<pid file="{folder}/inspircd.pid">
<options prefixquit="Quit: " syntaxhints="no" hostintopic="yes" pingwarning="15" splitwhois="no" nosnoticestack="yes">
<performance netbuffersize="65536" somaxconn="128" quietbursts="yes">
<security announceinvites="dynamic" hidesplits="no" maxtargets="20">
<limits maxnick="20" maxchan="64" maxmodes="20" maxident="10" maxhost="64" maxquit="255" maxtopic="307" maxkick="255" maxreal="128" maxaway="200">
<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="{folder}/inspircd.log">
<whowas groupsize="10" maxgroups="100" maxkeep="3d">
<connectban threshold="1000000">
<module name="cap">
<module name="ircv3">
<module name="ircv3_accounttag">
<module name="ircv3_batch">
<module name="ircv3_capnotify">
<module name="ircv3_chghost">
<module name="ircv3_echomessage">
<module name="ircv3_labeledresponse">
<module name="ircv3_msgid">
<module name="ircv3_servertime">
<module name="ircv3_ctctags">
<module name="namesx">
<module name="botmode">
<module name="chghost">
<module name="services_account">
<module name="noctcp">
<module name="stripcolor">
`

/** The two kinds, those that cannot be installed with the reason. */
export async function ircServerKinds(): Promise<readonly IrcServerKind[]> {
  return Promise.all([
    kind('ngircd', NGIRCD, folder => ['-n', '-f', `${folder}/server.conf`]),
    kind('inspircd', INSPIRCD, folder => ['--config', `${folder}/server.conf`, '--nofork', '--runasroot']),
  ])
}

async function kind(
  name: IrcServerKind['name'],
  config: (port: number, tlsPort: number | undefined, options: IrcServerOptions) => string,
  args: (folder: string) => readonly string[],
): Promise<IrcServerKind> {
  const program = await debianProgram(name)
  if ('missing' in program) {
    const { missing } = program
    return { name, missing, start: () => Promise.reject(new Error(missing)) }
  }
  return {
    name,
    missing: undefined,
    start: async (options = {}) => {
      const port = await freePort()
      const tlsPort = options.tls === undefined ? undefined : await freePort()
      const files = {
        'server.conf': config(port, tlsPort, options),
        ...(options.tls === undefined ? {} : { 'cert.pem': options.tls.cert, 'key.pem': options.tls.key }),
      }
      const server = await startServer({ path: program.path, files, args, port })
      return {
        name,
        port,
        tlsPort,
        pid: server.pid,
        get output() {
          return server.output
        },
        stop: () => server.stop(),
      }
    },
  }
}
