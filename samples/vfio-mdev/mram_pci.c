// SPDX-License-Identifier: GPL-2.0-only
/*
 * mram: configuration space
 *
 * Two arrays of the same size: what it contains, and which bits of that
 * software can write.  Reading is a copy and writing a masked copy; a BAR
 * tells its size by having the low address bits not writable.  The only bit
 * that is computed on reading is the interrupt status.
 */
#include <linux/unaligned.h>
#include <linux/vfio_mdev_ids.h>

#include "mram.h"

#define MRAM_MSI_BYTES	14

static void mram_pci_put16(struct mram *mram, unsigned int pos, u16 value,
			   u16 wmask)
{
	put_unaligned_le16(value, mram->cfg + pos);
	put_unaligned_le16(wmask, mram->cfg_wmask + pos);
}

static void mram_pci_put32(struct mram *mram, unsigned int pos, u32 value,
			   u32 wmask)
{
	put_unaligned_le32(value, mram->cfg + pos);
	put_unaligned_le32(wmask, mram->cfg_wmask + pos);
}

/* One vector, 64-bit address, no per-vector mask. */
static void mram_pci_init_msi(struct mram *mram)
{
	mram->cfg[PCI_CAPABILITY_LIST] = MRAM_MSI_CAP;
	mram->cfg[MRAM_MSI_CAP] = PCI_CAP_ID_MSI;
	mram_pci_put16(mram, MRAM_MSI_CAP + PCI_MSI_FLAGS,
		       PCI_MSI_FLAGS_64BIT, PCI_MSI_FLAGS_ENABLE);
	mram_pci_put32(mram, MRAM_MSI_CAP + PCI_MSI_ADDRESS_LO, 0, ~3U);
	mram_pci_put32(mram, MRAM_MSI_CAP + PCI_MSI_ADDRESS_HI, 0, ~0U);
	mram_pci_put16(mram, MRAM_MSI_CAP + PCI_MSI_DATA_64, 0, 0xffff);
	BUILD_BUG_ON(PCI_MSI_DATA_64 + 2 != MRAM_MSI_BYTES);
}

/**
 * mram_pci_init() - lay out configuration space
 * @mram: the device, with its memory's size known, seen by nobody yet
 *
 * Context: Any.
 */
void mram_pci_init(struct mram *mram)
{
	mram_pci_put16(mram, PCI_VENDOR_ID, VFIO_MDEV_PCI_VENDOR, 0);
	mram_pci_put16(mram, PCI_DEVICE_ID, VFIO_MDEV_PCI_DEVICE_MRAM, 0);
	mram_pci_put16(mram, PCI_COMMAND, 0, PCI_COMMAND_MEMORY |
		       PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	mram_pci_put16(mram, PCI_STATUS, PCI_STATUS_CAP_LIST, 0);
	/* The low byte of this word is the revision. */
	mram_pci_put32(mram, PCI_CLASS_REVISION,
		       VFIO_MDEV_PCI_CLASS << 8 | 1, 0);
	mram->cfg_wmask[PCI_CACHE_LINE_SIZE] = 0xff;
	mram->cfg_wmask[PCI_LATENCY_TIMER] = 0xff;
	mram_pci_put32(mram, PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_MEM_TYPE_32,
		       ~(u32)(MRAM_BELL_BYTES - 1));
	mram_pci_put32(mram, PCI_BASE_ADDRESS_2, PCI_BASE_ADDRESS_MEM_TYPE_64 |
		       PCI_BASE_ADDRESS_MEM_PREFETCH, ~(mram->ram_bytes - 1));
	mram_pci_put32(mram, PCI_BASE_ADDRESS_3, 0, ~0U);
	mram_pci_put16(mram, PCI_SUBSYSTEM_VENDOR_ID, VFIO_MDEV_PCI_VENDOR, 0);
	mram_pci_put16(mram, PCI_SUBSYSTEM_ID, VFIO_MDEV_PCI_DEVICE_MRAM, 0);
	mram->cfg_wmask[PCI_INTERRUPT_LINE] = 0xff;
	mram->cfg[PCI_INTERRUPT_PIN] = 1;
	mram_pci_init_msi(mram);
}

/**
 * __mram_pci_reset() - what a reset of the function does to it
 * @mram: the device
 *
 * Everything that software can write becomes zero.
 *
 * Context: Holds &mram.lock.
 */
void __mram_pci_reset(struct mram *mram)
{
	unsigned int i;

	lockdep_assert_held(&mram->lock);
	for (i = 0; i < MRAM_CFG_BYTES; i++)
		mram->cfg[i] &= ~mram->cfg_wmask[i];
}

/**
 * __mram_pci_command() - the command register
 * @mram: the device
 *
 * Context: Holds &mram.lock.
 * Return: PCI_COMMAND_*.
 */
u16 __mram_pci_command(struct mram *mram)
{
	lockdep_assert_held(&mram->lock);
	return get_unaligned_le16(mram->cfg + PCI_COMMAND);
}

/**
 * mram_pci_read() - read configuration space
 * @mram: the device
 * @pos: first byte
 * @buf: where to
 * @count: bytes, within the space
 *
 * Context: Takes &mram.lock.
 */
void mram_pci_read(struct mram *mram, u32 pos, u8 *buf, size_t count)
{
	mutex_lock(&mram->lock);
	memcpy(buf, mram->cfg + pos, count);
	if (pos <= PCI_STATUS && PCI_STATUS < pos + count &&
	    mram_irq_intx_level(mram))
		buf[PCI_STATUS - pos] |= PCI_STATUS_INTERRUPT;
	mutex_unlock(&mram->lock);
}

/**
 * mram_pci_write() - write configuration space
 * @mram: the device
 * @pos: first byte
 * @buf: what
 * @count: bytes, within the space
 *
 * Context: Takes &mram.lock.
 */
void mram_pci_write(struct mram *mram, u32 pos, const u8 *buf, size_t count)
{
	size_t i;

	mutex_lock(&mram->lock);
	for (i = 0; i < count; i++) {
		u8 wmask = mram->cfg_wmask[pos + i];
		u8 *byte = &mram->cfg[pos + i];

		*byte = (*byte & ~wmask) | (buf[i] & wmask);
	}
	/* INTx may just have been enabled or disabled. */
	__mram_irq_update(mram, false);
	mutex_unlock(&mram->lock);
}

/**
 * __mram_pci_load() - take over what another device had in its space
 * @mram: the device
 * @cfg: MRAM_CFG_BYTES of the other one, which may contain anything
 *
 * Context: Holds &mram.lock.
 */
void __mram_pci_load(struct mram *mram, const u8 *cfg)
{
	unsigned int i;

	lockdep_assert_held(&mram->lock);
	for (i = 0; i < MRAM_CFG_BYTES; i++)
		mram->cfg[i] = (mram->cfg[i] & ~mram->cfg_wmask[i]) |
			       (cfg[i] & mram->cfg_wmask[i]);
}
