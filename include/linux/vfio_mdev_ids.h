/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI identities of our mediated devices
 *
 * Shared by the parent drivers, by the drivers inside a guest and by user
 * space tests, so nothing but numbers may stand here.
 *
 * They are provisional: the vendor is one that pci.ids does not assign and
 * that no driver claims.  They will change once the project owns a vendor id.
 */
#ifndef _LINUX_VFIO_MDEV_IDS_H
#define _LINUX_VFIO_MDEV_IDS_H

#define VFIO_MDEV_PCI_VENDOR		0xf1a5

/* samples/vfio-mdev: memory with a doorbell */
#define VFIO_MDEV_PCI_DEVICE_MRAM	0x0001
/* drivers/vfio/cxlflash: a slice of a flash LUN */
#define VFIO_MDEV_PCI_DEVICE_SLICE	0x0010

/* Mass storage controller, other */
#define VFIO_MDEV_PCI_CLASS		0x018000

#endif /* _LINUX_VFIO_MDEV_IDS_H */
