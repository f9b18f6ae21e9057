# frozen_string_literal: true

# A Vagrant provider for plain QEMU: no libvirt, no root, no gem, no bridge. The Vagrantfile loads it from here.
#
# A box for it holds root.qcow2 (a disk that is one ext4), deps.qcow2 (a second one, if wanted), vmlinuz, initrd.img and
# vagrant_private_key. ../README.md tells what was learned on the way.
module WorkshopQemu
  class Error < Vagrant::Errors::VagrantError
    attr_reader :error_message

    def initialize(text)
      @error_message = text
      super()
    end
  end

  # What a Vagrantfile may set: config.vm.provider(:workshop_qemu) { |qemu| qemu.memory = 2048 }
  class Config < Vagrant.plugin('2', :config)
    DEFAULTS = {
      memory: 2048,       # megabytes
      cpus: 2,
      accelerator: nil,   # kvm, hvf or tcg; nil finds out
      ssh_port: nil,      # on 127.0.0.1; nil takes a free one
      online: false,      # may the guest reach the network?
      kernel_options: ''  # added to the kernel's command line
    }.freeze
    attr_accessor(*DEFAULTS.keys)

    def initialize = DEFAULTS.each_key { |key| instance_variable_set("@#{key}", UNSET_VALUE) }

    def finalize!
      DEFAULTS.each do |key, value|
        instance_variable_set("@#{key}", value) if instance_variable_get("@#{key}") == UNSET_VALUE
      end
    end

    def validate(_machine)
      wrong = []
      wrong << "memory is #{memory}: a number of megabytes, 512 or more" unless memory.to_i >= 512
      wrong << "cpus is #{cpus}: a number, 1 or more" unless cpus.to_i >= 1
      wrong << "accelerator is #{accelerator}: kvm, hvf or tcg" unless [nil, 'kvm', 'hvf', 'tcg'].include?(accelerator)
      { 'workshop_qemu' => wrong }
    end
  end

  class Plugin < Vagrant.plugin('2')
    name 'workshop_qemu'
    description 'Plain QEMU with a user network, and ssh on 127.0.0.1.'

    provider(:workshop_qemu, parallel: true) do
      require_relative 'provider'
      Provider
    end
    config(:workshop_qemu, :provider) { Config }
    provider_capability(:workshop_qemu, :snapshot_list) do
      Module.new { def self.snapshot_list(machine) = machine.provider.driver.snapshots }
    end
  end
end
