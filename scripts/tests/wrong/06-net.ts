// biome-ignore-all lint/suspicious/noTemplateCurlyInString: pieces of code
import type { Wrong } from './wrong.ts'

const EMPTY = '06.1 a new network stack'
const ARRIVING =
  "const to = ip ? `ip daddr ${ip}` : 'fib daddr type local'\n  nft(`\n    table ip ${table} {\n      chain arriving"

export const wrong: Wrong[] = [
  {
    name: 'no network namespace',
    change: [['flags: CLONE_NEWNET', 'flags: 0']],
    check: EMPTY,
    says: /flags is 0/,
  },
  {
    name: 'loopback left down',
    change: [["bringUp('lo')", 'void bringUp']],
    check: EMPTY,
    says: /down until you bring it up/,
  },
  {
    name: "an interface's other flags lost",
    change: [['  ioctl(fd, SIOCGIFFLAGS, ifreq)\n', '']],
    check: '06.1 up, and what',
    says: /lost its other flags/,
  },
  {
    name: 'both ends of the cable on the host',
    change: [[' netns ${pid}', '']],
    check: '06.2 a cable',
    says: /there is no eth0 in the container/,
  },
  {
    name: "the host's end of the cable left behind",
    change: [['`ip link delete ${cable}`, ', '']],
    check: '06.2 the cable is gone',
    says: /is left on the host.*cleanup/,
  },
  {
    name: 'a bridge without an address',
    change: [['`address add ${gateway}/${prefix} dev ${BRIDGE}`, ', '']],
    check: '06.3',
    says: /ENETUNREACH|gives the bridge the address/,
  },
  {
    name: 'a cable that leads to no bridge',
    change: [['link set ${cable} master ${BRIDGE} up', 'link set ${cable} up']],
    check: '06.3',
    says: /both cables lead to the bridge/,
  },
  {
    name: 'a cable that is down',
    change: [['link set ${cable} master ${BRIDGE} up', 'link set ${cable} master ${BRIDGE}']],
    check: '06.3',
    says: /is each end up/,
  },
  {
    name: 'a bridge for each container',
    change: [['if (first) {', 'if (cable) {']],
    check: '06.3',
    says: /link add ws-bridge type bridge: .*File exists/,
  },
  {
    name: 'no default route',
    change: [['  addDefaultRoute(gateway)\n', '']],
    check: '06.4',
    says: /no default route/,
  },
  {
    name: 'a route through an interface that is down',
    change: [["  bringUp('eth0')\n  addDefaultRoute(gateway)", "  addDefaultRoute(gateway)\n  bringUp('eth0')"]],
    check: '06.4',
    says: /ioctl\(2\).*ENETUNREACH/,
  },
  {
    name: 'a host that is no router',
    change: [['  becomeRouter()\n', '']],
    check: '06.5',
    says: /drops what is not for itself/,
  },
  {
    name: "the container's own address on the internet",
    change: [['oifname != "${BRIDGE}" masquerade', 'oifname != "${BRIDGE}" accept']],
    check: '06.5',
    says: /has no way to 10\.213\.0\.2/,
  },
  {
    name: 'rules left behind',
    change: [[', `nft delete table ip ${table}`', '']],
    check: '06.5',
    says: /tables of the containers are left/,
  },
  {
    name: 'a port of all machines, not of this host',
    change: [[ARRIVING, ARRIVING.replace("'fib daddr type local'", "''")]],
    check: '06.6',
    says: /of another machine must reach that one/,
  },
  {
    name: 'a port on all addresses, where one was asked for',
    change: [[ARRIVING, ARRIVING.replace('`ip daddr ${ip}`', "'fib daddr type local'")]],
    check: '06.6',
    says: /published for 127\.0\.0\.1 only/,
  },
  {
    name: 'tcp, whatever was asked for',
    change: [['priority dstnat\n        ${to} ${protocol}', 'priority dstnat\n        ${to} tcp']],
    check: '06.6',
    says: /is the protocol in your rule/,
  },
  {
    name: 'the host itself forgotten',
    change: [['type nat hook output priority -100', 'type nat hook prerouting priority -101']],
    check: '06.7',
    says: /what the host sends itself never arrives/,
  },
  {
    name: 'no way back to 127.0.0.1',
    change: [['{ 127.0.0.0/8, ${subnet} }', '${subnet}']],
    check: '06.7',
    says: /127\.0\.0\.1 is a different machine in the container/,
  },
  {
    name: 'every client masked',
    change: [['ip saddr { 127.0.0.0/8, ${subnet} } ', '']],
    check: '06.7',
    says: /a client from outside is not masked/,
  },
]
