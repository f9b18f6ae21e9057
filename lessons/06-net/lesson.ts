// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the hints are code
import type { Lesson } from '#given/lesson.ts'

export const lesson: Lesson = {
  name: 'net',
  title: 'A network of its own',
  minutes: [25, 35, 30],
  needs: [],
  tasks: [
    {
      id: '06.1',
      title: 'a network namespace, and its loopback up',
      hints: [
        'The flag is asked for as in lesson 04. The new namespace has one interface, lo, and it is down.',
        'Make any socket(2) of AF_INET, and hand ioctl(2) a struct ifreq with the name: SIOCGIFFLAGS fills in the flags, SIOCSIFFLAGS sets them. Add IFF_UP.',
        'flags: CLONE_NEWNET,\n\nconst fd = socket(AF_INET, SOCK_DGRAM, 0)\nconst ifreq = Buffer.alloc(40)\nifreq.write(name)\nioctl(fd, SIOCGIFFLAGS, ifreq)\nifreq.writeInt16LE(ifreq.readInt16LE(16) | IFF_UP, 16)\nioctl(fd, SIOCSIFFLAGS, ifreq)\ncloseSync(fd)',
      ],
    },
    {
      id: '06.2',
      title: 'a cable into the container',
      hints: [
        'A veth pair is a cable: what goes in at one end comes out at the other. The ends may be in two namespaces.',
        'One line of ip-link(8): link add NAME type veth peer name eth0 address MAC netns PID. In cleanup: ip link delete.',
        'ip(`link add ${cable} type veth peer name eth0 address ${mac} netns ${pid}`)\n\n// in cleanup\ndisconnect(container, [`ip link delete ${cable}`])',
      ],
    },
    {
      id: '06.3',
      title: 'a bridge with an address',
      hints: [
        'The first container makes the bridge; every cable goes into it. An address on the bridge makes the host a neighbour.',
        'link add ws-bridge type bridge, address add …/24 dev ws-bridge, link set … up; then link set CABLE master ws-bridge up.',
        'if (first) {\n  ip(`link add ${BRIDGE} type bridge`, `address add ${gateway}/${prefix} dev ${BRIDGE}`, `link set ${BRIDGE} up`)\n}\nip(`link set ${cable} master ${BRIDGE} up`)',
      ],
    },
    {
      id: '06.4',
      title: 'an address in the container, and the way out',
      hints: [
        'Inside there is eth0, without an address, down, and with nowhere to go.',
        'setAddress(), bringUp(), addDefaultRoute(). In this order: no route leads through an interface that is down.',
        "setAddress('eth0', address, prefix)\nbringUp('eth0')\naddDefaultRoute(gateway)",
      ],
    },
    {
      id: '06.5',
      title: 'to the internet, in the name of the host',
      hints: [
        'Two things: the host must pass on what is not for itself, and nobody out there knows a way back to 10.213.0.2.',
        'becomeRouter(); then a table with a chain `type nat hook postrouting priority srcnat`, and in it one rule that ends in masquerade. In cleanup: nft delete table ip …',
        'becomeRouter()\nnft(`\n  table ip ${table} {\n    chain leaving {\n      type nat hook postrouting priority srcnat\n      ip saddr ${address} oifname != "${BRIDGE}" masquerade\n    }\n  }`)\n\n// in cleanup\ndisconnect(container, [`ip link delete ${cable}`, `nft delete table ip ${table}`])',
      ],
    },
    {
      id: '06.6',
      title: 'a published port',
      hints: [
        'Who asks port 8080 of the host is to get port 80 of the container: the destination changes, before the routing.',
        'A chain `type nat hook prerouting priority dstnat`; the rule: is it for this host (fib daddr type local, or ip daddr), which protocol and dport, dnat to ADDRESS:PORT.',
        "const to = ip ? `ip daddr ${ip}` : 'fib daddr type local'\nnft(`\n  table ip ${table} {\n    chain arriving {\n      type nat hook prerouting priority dstnat\n      ${to} ${protocol} dport ${host} dnat to ${address}:${container}\n    }\n  }`)",
      ],
    },
    {
      id: '06.7',
      title: 'the same port, asked by the host itself',
      hints: [
        'What the host sends to itself does not come in by any cable, so prerouting never sees it. And who is 127.0.0.1?',
        'The same rule in a chain `type nat hook output priority -100`. And in postrouting: what goes to the container, comes from 127.0.0.0/8 or the subnet, and has ct status dnat, is masqueraded.',
        "const to = ip ? `ip daddr ${ip}` : 'fib daddr type local'\nnft(`\n  table ip ${table} {\n    chain local {\n      type nat hook output priority -100\n      ${to} ${protocol} dport ${host} dnat to ${address}:${container}\n    }\n    chain leaving {\n      type nat hook postrouting priority srcnat\n      ip daddr ${address} ip saddr { 127.0.0.0/8, ${subnet} } ct status dnat masquerade\n    }\n  }`)",
      ],
    },
  ],
  tour: {
    says: 'A network namespace has links, addresses, routes, sockets and a firewall of its\nown. A new one has a loopback, and nothing else.',
    prepare: 'busybox httpd -p 127.0.0.1:8080 -h /tmp; ip link add wan type veth peer name isp; ip link set wan up',
    looks: [
      { label: 'sockets that listen', command: 'ss -Htuln | wc -l' },
      { label: 'links', command: 'echo $(ip -o link | cut -d: -f2 | cut -d@ -f1)' },
    ],
    but: 'But root in there is still root out here, and takes as much as it likes.',
  },
}
