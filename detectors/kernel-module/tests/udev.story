# A device appears.
udev is /usr/lib/systemd/systemd-udevd
udev module-load /lib/modules/6.1.0/kernel/drivers/usb/x.ko
