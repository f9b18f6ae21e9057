import type { Right, Wrong } from './wrong.ts'

const EMPTY = '06.1 a new network stack'
const FLAGS = '06.1 up, and what an interface was'
const TWO = '06.1 two servers on one port'
const CABLE = '06.2 a cable'
const GONE = '06.2 the cable is gone'
const BRIDGE = '06.3'
const OUT = '06.4'
const WORLD = '06.5'
const PUBLISHED = '06.6'
const LOCAL = '06.7'

export const wrong: Wrong[] = [
  {
    name: 'no network namespace',
    change: [['flags: CLONE_NEWNET', 'flags: 0']],
    check: EMPTY,
    says: /flags is 0, so the container has the host's network/,
  },
  {
    name: 'no network namespace, so that the port is taken',
    change: [['flags: CLONE_NEWNET', 'flags: 0']],
    check: TWO,
    says: /its port is taken there/,
  },
  {
    name: 'loopback left down',
    change: [["    bringUp('lo')\n", '']],
    check: EMPTY,
    says: /lo is there, and down until you bring it up/,
  },
  {
    name: 'all flags overwritten by one',
    change: [['ifreq.readInt16LE(16) | IFF_UP', 'IFF_UP']],
    check: FLAGS,
    says: /it has lost its other flags.*SIOCGIFFLAGS/,
  },
  {
    name: 'the flags read, and not set',
    change: [['  ioctl(fd, SIOCSIFFLAGS, ifreq)\n', '']],
    check: FLAGS,
    says: /the interface is down: SIOCSIFFLAGS with IFF_UP/,
  },
  {
    name: 'loopback only, whatever was named',
    change: [['ifreq.write(name)', "ifreq.write('lo')"]],
    check: FLAGS,
    says: /the interface is down/,
  },
  {
    name: 'both ends of the cable on the host',
    change: [[' netns ${pid}', '']],
    check: CABLE,
    says: /there is no eth0 in the container: `netns` puts the other end there|eth0/,
  },
  {
    name: 'a hardware address by chance',
    change: [[' address ${mac}', '']],
    check: CABLE,
    says: /its hardware address is made of its address/,
  },
  {
    name: 'another name for the cable',
    change: [['link add ${cable} type veth', 'link add cable0 type veth']],
    check: CABLE,
    says: /there is no link ws-|Cannot find device/,
  },
  {
    name: 'the cable left behind',
    change: [['`ip link delete ${cable}`, ', '']],
    check: GONE,
    says: /cleanup has to say `ip link delete`/,
  },
  {
    name: 'no cleanup at all',
    change: [
      [
        '    disconnect(container, [`ip link delete ${cable}`, `nft delete table ip ${table}`])\n',
        '    void [cable, table]\n',
      ],
    ],
    check: '06.2',
    says: /is left on the host/,
  },
  {
    name: 'a cable that leads nowhere',
    change: [[' master ${BRIDGE} up', ' up']],
    check: BRIDGE,
    says: /both cables lead to the bridge/,
  },
  {
    name: 'cables left down',
    change: [[' master ${BRIDGE} up', ' master ${BRIDGE}']],
    check: BRIDGE,
    says: /is each end up/,
  },
  {
    name: 'a bridge without an address',
    change: [[', `address add ${gateway}/${prefix} dev ${BRIDGE}`', '']],
    check: BRIDGE,
    says: /gives the bridge the address that is the gateway of all/,
  },
  {
    name: 'a bridge that is down',
    change: [[', `link set ${BRIDGE} up`', '']],
    check: BRIDGE,
    says: /is each end up/,
  },
  {
    name: 'a bridge for each container',
    change: [['  if (first) {', '  if (first || BRIDGE) {']],
    check: BRIDGE,
    says: /File exists/,
  },
  {
    name: 'no address',
    change: [["  setAddress('eth0', address, prefix)\n", '']],
    check: OUT,
    says: /setAddress\(\) and bringUp\(\) come before/,
  },
  {
    name: 'eth0 left down',
    change: [["  bringUp('eth0')\n", '']],
    check: OUT,
    says: /setAddress\(\) and bringUp\(\) come before/,
  },
  {
    name: 'a route through an interface that is down',
    change: [["  bringUp('eth0')\n  addDefaultRoute(gateway)", "  addDefaultRoute(gateway)\n  bringUp('eth0')"]],
    check: OUT,
    says: /setAddress\(\) and bringUp\(\) come before/,
  },
  {
    name: 'no way out',
    change: [['  addDefaultRoute(gateway)\n', '']],
    check: OUT,
    says: /no default route: addDefaultRoute\(\)/,
  },
  {
    name: 'a host that is no router',
    change: [['  becomeRouter()\n', '']],
    check: WORLD,
    says: /the host drops what is not for itself: becomeRouter\(\)/,
  },
  {
    name: 'nobody masked',
    change: [[' oifname != "${BRIDGE}" masquerade', ' oifname != "${BRIDGE}" accept']],
    check: WORLD,
    says: /the server has no way to 10\.213\.0\.2/,
  },
  {
    name: 'the table left behind',
    change: [[', `nft delete table ip ${table}`', '']],
    check: WORLD,
    says: /cleanup has to say `nft delete table ip …`/,
  },
  {
    name: 'nothing published',
    change: [['        publish(connection, port)\n', '']],
    check: PUBLISHED,
    says: /dnat to the address and port of the container/,
  },
  {
    name: 'the ports the wrong way round',
    change: [
      [
        '        type nat hook prerouting priority dstnat\n        ${to} ${protocol} dport ${host} dnat to ${address}:${container}',
        '        type nat hook prerouting priority dstnat\n        ${to} ${protocol} dport ${container} dnat to ${address}:${host}',
      ],
    ],
    check: PUBLISHED,
    says: /dnat to the address and port/,
  },
  {
    name: 'TCP only',
    change: [['priority dstnat\n        ${to} ${protocol}', 'priority dstnat\n        ${to} tcp']],
    check: PUBLISHED,
    says: /is the protocol in your rule/,
  },
  {
    name: 'whoever it was sent to',
    change: [
      [
        '        type nat hook prerouting priority dstnat\n        ${to} ',
        '        type nat hook prerouting priority dstnat\n        ${ip ? to : ""} ',
      ],
    ],
    check: PUBLISHED,
    says: /fib daddr type local/,
  },
  {
    name: 'published for all, where one address was meant',
    change: [
      [
        '        type nat hook prerouting priority dstnat\n        ${to} ',
        '        type nat hook prerouting priority dstnat\n        fib daddr type local ',
      ],
    ],
    check: PUBLISHED,
    says: /match `ip daddr`/,
  },
  {
    name: 'published for the world alone',
    change: [['        publishLocally(connection, port)\n', '']],
    check: LOCAL,
    says: /the hook is output, its priority -100/,
  },
  {
    name: 'no way back for loopback',
    change: [['{ 127.0.0.0/8, ${subnet} }', '{ ${subnet} }']],
    check: LOCAL,
    says: /masquerade what comes from there/,
  },
  {
    name: 'no way back for another container',
    change: [['{ 127.0.0.0/8, ${subnet} }', '{ 127.0.0.0/8 }']],
    check: LOCAL,
    says: /masquerade what comes from the subnet/,
  },
  {
    name: 'clients masked too',
    change: [[' ip saddr { 127.0.0.0/8, ${subnet} } ct status', ' ct status']],
    check: LOCAL,
    says: /a client from outside is not masked/,
  },
]

export const right: Right[] = [
  {
    name: 'a DataView, one ip for all, priorities in words',
    change: [
      ['priority -100', 'priority -100; policy accept;'],
      ['type nat hook prerouting priority dstnat', 'type nat hook prerouting priority -100'],
      ['oifname != "${BRIDGE}" masquerade', 'oif != "${BRIDGE}" counter masquerade'],
    ],
    instead: {
      bringUp: `
export function bringUp(name: string): void {
  const fd = socket(AF_INET, SOCK_DGRAM, 0)
  const ifreq = new Uint8Array(40)
  ifreq.set(new TextEncoder().encode(name))
  try {
    ioctl(fd, SIOCGIFFLAGS, ifreq)
    const view = new DataView(ifreq.buffer)
    view.setUint16(16, view.getUint16(16, true) | IFF_UP, true)
    ioctl(fd, SIOCSIFFLAGS, ifreq)
  } finally {
    closeSync(fd)
  }
}`,
      vethPair: `
export function vethPair({ cable, mac }: Connection, pid: number): void {
  ip(\`link add name \${cable} type veth peer name eth0 netns \${pid} address \${mac}\`)
}`,
      joinBridge: `
export function joinBridge({ cable, gateway, prefix }: Connection, first: boolean): void {
  if (first) {
    ip(\`link add name \${BRIDGE} type bridge\`)
    ip(\`link set dev \${BRIDGE} up\`)
    ip(\`address add \${gateway}/\${prefix} dev \${BRIDGE}\`)
  }
  ip(\`link set dev \${cable} up\`)
  ip(\`link set dev \${cable} master \${BRIDGE}\`)
}`,
    },
  },
  {
    name: 'made on the host and then moved, rules one after the other',
    instead: {
      vethPair: `
export function vethPair(connection: Connection, pid: number): void {
  const other = connection.cable.replace('ws-', 'wx-')
  ip(
    \`link add \${connection.cable} type veth peer name \${other}\`,
    \`link set \${other} address \${connection.mac}\`,
    \`link set \${other} netns \${pid} name eth0\`,
  )
}`,
      configure: `
export function configure(connection: Connection): void {
  bringUp('eth0')
  setAddress('eth0', connection.address, connection.prefix)
  addDefaultRoute(connection.gateway)
}`,
      masquerade: `
export function masquerade({ table, address, subnet }: Connection): void {
  becomeRouter()
  nft(\`add table ip \${table}
    add chain ip \${table} out { type nat hook postrouting priority 100; }
    add rule ip \${table} out ip saddr \${address} ip daddr != \${subnet} masquerade\`)
}`,
      publish: `
export function publish({ table, address }: Connection, { ip: own, host, container, protocol }: Port): void {
  const to = own ? \`ip daddr \${own}\` : 'fib daddr type local'
  nft(\`add table ip \${table}
    add chain ip \${table} in { type nat hook prerouting priority -100; }
    add rule ip \${table} in meta l4proto \${protocol} th dport \${host} \${to} dnat to \${address}:\${container}\`)
}`,
    },
  },
]
