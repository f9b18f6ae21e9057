# frozen_string_literal: true

require 'digest'
require 'fiddle'
require 'fileutils'
require 'json'
require 'rbconfig'
require 'socket'
require 'tmpdir'
require_relative 'accelerator'
require_relative 'monitor'

module WorkshopQemu
  # One machine: its QEMU process, and its files in .vagrant/machines/NAME/workshop_qemu.
  #
  # Nothing is remembered but what the files say, so a killed Vagrant or a killed QEMU leaves nothing to repair.
  class Driver
    SUSPENDED = 'workshop-suspended'
    ARM = RbConfig::CONFIG['host_cpu'].match?(/arm64|aarch64/)
    BINARY = ARM ? 'qemu-system-aarch64' : 'qemu-system-x86_64'
    MACHINE = ARM ? 'virt,gic-version=max' : 'q35'
    CONSOLE = ARM ? 'ttyAMA0' : 'ttyS0'
    # QEMU 7.2's emulation of cmpxchg16b has crashed newer kernels; pointer authentication is costly to emulate. With
    # erms, kernel and libc fill and copy memory by `rep stosb` and `rep movsb`, which QEMU does a byte at a time.
    EMULATED_CPU = ARM ? 'max,pauth-impdef=on' : 'max,-cx16,-erms'
    # QEMU keeps what it has translated by address: with each program at the same one, it need not translate it again.
    SAME_ADDRESSES = 'norandmaps'
    # Linux does not trust the time stamp counter of two such processors, and asks the HPET: a system call each time, and
    # a device. QEMU's processors share one counter.
    CLOCK = ARM ? nil : 'tsc=reliable'
    # In MB. When it is full, all is forgotten and translated anew: 512 were, by a hundred containers.
    TRANSLATED = 1024
    PR_SET_THP_DISABLE = 41
    FULL = 'The disk that holds .vagrant and ~/.vagrant.d is full. Make room, then `vagrant halt --force` and `vagrant up`.'
    OWN = %w[disk.qcow2 deps.qcow2 vmlinuz initrd.img metadata.json private_key pid port suspended console.log
             hardware.json accelerator].freeze

    def initialize(machine) = @machine = machine

    # ── what there is

    def state
      return :not_created unless File.exist?(path('disk.qcow2'))
      return :running if running?

      File.exist?(path('suspended')) ? :saved : :poweroff
    end

    # A number in a file proves nothing: after a crash it may be another's by now.
    def running?
      number = read('pid').to_i
      return false unless number.positive?

      command, = Open3.capture2('ps', '-ww', '-o', 'command=', '-p', number.to_s)
      command.include?(path('disk.qcow2'))
    end

    def pid = read('pid').to_i
    def port = read('port').to_i
    def accelerator = read('accelerator').split(/\s/, 2).first
    def sentence = read('accelerator').split(/\s/, 2).last

    def snapshots
      return [] unless File.exist?(path('disk.qcow2'))

      info = JSON.parse(run('qemu-img', 'info', '--force-share', '--output=json', path('disk.qcow2')))
      info.fetch('snapshots', []).map { |snapshot| snapshot['name'] } - [SUSPENDED]
    end

    # ── from nothing to a running machine

    # Two thin disks over the box's, which stay as they are. The kernel and the key come along, so that the machine
    # goes on when another box takes the name of its own.
    def create
      box = @machine.box.directory
      %w[vmlinuz initrd.img metadata.json].each { |name| FileUtils.cp(box.join(name), path(name)) }
      FileUtils.install(box.join('vagrant_private_key'), path('private_key'), mode: 0o600)
      overlay(box.join('deps.qcow2'), 'deps.qcow2') if box.join('deps.qcow2').exist?
      overlay(box.join('root.qcow2'), 'disk.qcow2') # last: with it the machine exists
    end

    def start
      resuming = File.exist?(path('suspended'))
      hardware = resuming ? JSON.parse(read('hardware.json')) : new_hardware
      launch(hardware, resuming ? SUSPENDED : nil)
      FileUtils.rm_f(path('suspended'))
      say('delvm', SUSPENDED) if resuming
    end

    # Ends it as pulling the plug does; Vagrant has asked the guest to shut down before.
    def stop
      monitor.say('quit', seconds: 10) if running?
      ended = 100.times.any? { running? ? (sleep 0.1) && false : true }
      Process.kill('KILL', pid) unless ended
      FileUtils.rm_f([path('pid'), path('port'), socket])
    end

    def destroy
      stop
      FileUtils.rm_f(OWN.map { |name| path(name) })
    end

    # ── states to come back to

    def suspend
      save(SUSPENDED)
      File.write(path('suspended'), '')
      stop
    end

    # A suspended machine that is to be off: the next start is a boot.
    def forget
      each_disk { |disk| run('qemu-img', 'snapshot', '-d', SUSPENDED, disk) }
      FileUtils.rm_f(path('suspended'))
    end

    def save(name) = say('savevm', name)
    def delete(name) = running? ? say('delvm', name) : each_disk { |disk| run('qemu-img', 'snapshot', '-d', name, disk) }

    # A running machine jumps back, whatever has become of it; one that is off starts there.
    def restore(name)
      unless snapshots.include?(name)
        raise Error, "there is no snapshot '#{name}'. There are: #{snapshots.join(', ')}"
      end

      running? ? say('loadvm', name) : launch(JSON.parse(read('hardware.json')), name)
      FileUtils.rm_f(path('suspended'))
    end

    # What is wrong with a machine that does not answer, in words; nil where we cannot tell.
    def complaint
      return "QEMU has ended. #{logged}" unless running?

      "QEMU has paused it, since it cannot write. #{FULL}" if monitor.status == 'io-error'
    end

    private

    def path(name) = @machine.data_dir.join(name).to_s
    # QEMU removes its pid file when it ends, which may be between a look and a read.
    def read(name)
      File.read(path(name)).strip
    rescue Errno::ENOENT
      ''
    end

    def config = @machine.provider_config
    def monitor = Monitor.new(socket)
    def each_disk(&block) = %w[disk.qcow2 deps.qcow2].map { |name| path(name) }.select { |f| File.exist?(f) }.each(&block)

    # A socket's path may have 107 bytes, and a project may lie deeper than that.
    def socket
      near = path('monitor')
      near.bytesize < 100 ? near : File.join(Dir.tmpdir, "workshop-vm-#{Digest::SHA256.hexdigest(near)[0, 16]}")
    end

    def say(command, name)
      answer = monitor.say("#{command} #{name}")
      return if answer.empty?

      raise Error, "QEMU cannot do `#{command} #{name}`: #{answer}"
    end

    def overlay(base, name)
      run('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', base.to_s, path("#{name}.new"))
      File.rename(path("#{name}.new"), path(name)) # whole, or not at all
    ensure
      FileUtils.rm_f(path("#{name}.new"))
    end

    # Kept in a file: a snapshot only fits the hardware that it was taken on.
    def new_hardware
      boot = { binary: BINARY, machine: MACHINE, console: CONSOLE, kernel: path('vmlinuz'), initrd: path('initrd.img') }
      chosen = config.accelerator ? Accelerator.choose(config.accelerator, boot) : remembered(boot)
      File.write(path('accelerator'), chosen.join(' '))
      hardware = { 'memory' => config.memory.to_i, 'cpus' => config.cpus.to_i, 'accelerator' => chosen.first }
      File.write(path('hardware.json'), JSON.generate(hardware))
      hardware
    end

    def remembered(boot)
      known = read('accelerator')
      known.empty? || known.include?('as told') ? Accelerator.choose(nil, boot) : known.split(/\s/, 2)
    end

    # Between our look for a free port and QEMU's bind another may take it; then there are others.
    def launch(hardware, snapshot)
      tries = 0
      begin
        port = config.ssh_port || free_port
        File.write(path('port'), port.to_s)
        old = File.umask(0o077) # the monitor's socket is ours alone
        allow_huge_pages
        run(*command(hardware, port, snapshot))
      rescue Error => error
        taken = error.message.include?('host forwarding rule')
        retry if taken && !config.ssh_port && (tries += 1) < 5
        raise Error, "port #{port} on 127.0.0.1 is taken. Leave ssh_port out, and a free one is found." if taken
        raise unless snapshot

        raise Error, "#{error.message}\nA snapshot needs the QEMU that made it. `vagrant destroy` and `vagrant up` make a new machine."
      ensure
        File.umask(old) if old
      end
    end

    # Ruby forbids itself huge pages, and what it starts inherits that. The guest's memory gains by them: prctl(2).
    def allow_huge_pages
      return unless RUBY_PLATFORM.include?('linux')

      prctl = Fiddle::Function.new(Fiddle::Handle::DEFAULT['prctl'], [Fiddle::TYPE_INT, *[Fiddle::TYPE_LONG] * 4], Fiddle::TYPE_INT)
      prctl.call(PR_SET_THP_DISABLE, 0, 0, 0, 0)
    end

    def free_port
      server = TCPServer.new('127.0.0.1', 0)
      server.addr[1].tap { server.close }
    end

    def command(hardware, port, snapshot)
      emulated = hardware['accelerator'] == 'tcg'
      append = ["console=#{CONSOLE} quiet systemd.show_status=false panic=1",
                "workshop.accelerator=#{hardware['accelerator']}", *([SAME_ADDRESSES, CLOCK] if emulated), config.kernel_options]
               .compact.join(' ').strip
      reach = config.online ? '' : 'restrict=on,'
      [BINARY, '-name', "workshop-#{@machine.name}", '-daemonize', '-pidfile', path('pid'),
       '-nodefaults', '-no-user-config', '-display', 'none',
       '-machine', MACHINE, '-cpu', emulated ? EMULATED_CPU : 'host',
       '-accel', emulated ? "tcg,thread=multi,tb-size=#{TRANSLATED}" : hardware['accelerator'],
       '-smp', hardware['cpus'].to_s, '-m', hardware['memory'].to_s,
       '-kernel', path('vmlinuz'), '-initrd', path('initrd.img'), '-append', append,
       '-serial', "file:#{path('console.log')}", '-qmp', "unix:#{socket},server=on,wait=off",
       '-netdev', "user,id=net,#{reach}hostfwd=tcp:127.0.0.1:#{port}-:22", '-device', 'virtio-net-pci,netdev=net',
       '-device', 'virtio-rng-pci',
       *disk('disk.qcow2', 'root'), *disk('deps.qcow2', 'deps'), *(snapshot ? ['-loadvm', snapshot] : [])]
    end

    def disk(name, id)
      return [] unless File.exist?(path(name))

      ['-drive', "if=none,id=#{id},file=#{path(name).gsub(',', ',,')},format=qcow2,discard=unmap",
       '-device', "virtio-blk-pci,drive=#{id}"]
    end

    def logged = "The end of its console:\n#{File.exist?(path('console.log')) ? File.readlines(path('console.log')).last(5).join : ''}"

    def run(*command)
      result = Vagrant::Util::Subprocess.execute(*command)
      return result.stdout if result.exit_code.zero?

      complaint = result.stderr.strip
      full = complaint.include?('No space left') ? "\n#{FULL}" : ''
      gone = complaint.include?('Could not open backing file') ? "\nIts box was removed. `vagrant destroy` and `vagrant up` make a new machine." : ''
      raise Error, "#{command.first} failed: #{complaint}#{full}#{gone}"
    rescue Vagrant::Errors::CommandUnavailable
      install = RUBY_PLATFORM.include?('darwin') ? 'brew install qemu' : "sudo apt-get install #{ARM ? 'qemu-system-arm' : 'qemu-system-x86'} qemu-utils"
      raise Error, "#{command.first} is not installed, or not on PATH:\n  #{install}"
    end
  end
end
