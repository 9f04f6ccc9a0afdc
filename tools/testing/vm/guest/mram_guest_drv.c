// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's driver of the mram PCI function, for tests
 *
 * It does what a program in the guest cannot: turn the function on, give it a
 * buffer, take its interrupts.  The registers and the RAM are the program's.
 */
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/poll.h>

#include "mram_guest.h"
#include "mram_regs.h"
#include "vfio_mdev_ids.h"

static bool msi = true;
module_param(msi, bool, 0444);
MODULE_PARM_DESC(msi, "Use MSI rather than INTx (default: yes)");

/* The PCI hot-plug registers of QEMU's machine "pc". */
#define HOTPLUG_DOWN	0xae04	/* read: slots that are asked to go */
#define HOTPLUG_EJECT	0xae08	/* write: slots that may go */
#define HOTPLUG_SELECT	0xae10	/* write: number of the bus */

/**
 * struct mram_guest - the one function
 * @pdev: it
 * @bell: its registers
 * @buf: buffer for its DMA
 * @dma: where it finds it
 * @count: interrupts so far
 * @wq: woken by each
 */
struct mram_guest {
	struct pci_dev *pdev;
	void __iomem *bell;
	void *buf;
	dma_addr_t dma;
	atomic_t count;
	wait_queue_head_t wq;
};

static struct mram_guest mram_guest;

/* What to eject when the module is unloaded. */
static u32 mram_guest_slots;

static irqreturn_t mram_guest_irq(int irq, void *data)
{
	struct mram_guest *mg = data;
	u32 status = ioread32(mg->bell + MRAM_REG_IRQ_STATUS);

	/* All ones: the function has gone. */
	if (!status || status == ~0U)
		return IRQ_NONE;
	iowrite32(status, mg->bell + MRAM_REG_IRQ_STATUS);
	atomic_inc(&mg->count);
	wake_up(&mg->wq);
	return IRQ_HANDLED;
}

static int mram_guest_open(struct inode *inode, struct file *file)
{
	/* The interrupts that this file has seen; misc put its own there. */
	file->private_data = (void *)(long)atomic_read(&mram_guest.count);
	return 0;
}

static bool mram_guest_ready(struct file *file)
{
	return atomic_read(&mram_guest.count) != (int)(long)file->private_data;
}

static ssize_t mram_guest_read(struct file *file, char __user *buf,
			       size_t count, loff_t *ppos)
{
	u32 now;
	int ret;

	if (count < sizeof(now))
		return -EINVAL;
	ret = wait_event_interruptible(mram_guest.wq, mram_guest_ready(file));
	if (ret)
		return ret;
	now = atomic_read(&mram_guest.count);
	if (copy_to_user(buf, &now, sizeof(now)))
		return -EFAULT;
	file->private_data = (void *)(long)now;
	return sizeof(now);
}

static __poll_t mram_guest_poll(struct file *file, poll_table *wait)
{
	poll_wait(file, &mram_guest.wq, wait);
	return mram_guest_ready(file) ? EPOLLIN : 0;
}

static long mram_guest_get_info(void __user *arg)
{
	struct mram_guest_info info = {
		.dma_addr = mram_guest.dma,
		.bytes = MRAM_GUEST_DMA_BYTES,
		.msi = mram_guest.pdev->msi_enabled,
	};

	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static long mram_guest_unplug(u32 __user *arg)
{
	u32 slots;

	outl(0, HOTPLUG_SELECT);
	slots = inl(HOTPLUG_DOWN);
	if (slots != ~0U)
		mram_guest_slots = slots;
	return put_user(mram_guest_slots, arg);
}

static long mram_guest_ioctl(struct file *file, unsigned int cmd,
			     unsigned long arg)
{
	switch (cmd) {
	case MRAM_GUEST_GET_INFO:
		return mram_guest_get_info((void __user *)arg);
	case MRAM_GUEST_UNPLUG:
		return mram_guest_unplug((u32 __user *)arg);
	default:
		return -ENOTTY;
	}
}

static int mram_guest_mmap(struct file *file, struct vm_area_struct *vma)
{
	return dma_mmap_coherent(&mram_guest.pdev->dev, vma, mram_guest.buf,
				 mram_guest.dma, MRAM_GUEST_DMA_BYTES);
}

static const struct file_operations mram_guest_fops = {
	.owner = THIS_MODULE,
	.open = mram_guest_open,
	.read = mram_guest_read,
	.poll = mram_guest_poll,
	.unlocked_ioctl = mram_guest_ioctl,
	.mmap = mram_guest_mmap,
};

static struct miscdevice mram_guest_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "mram",
	.fops = &mram_guest_fops,
};

static int mram_guest_probe(struct pci_dev *pdev,
			    const struct pci_device_id *id)
{
	struct mram_guest *mg = &mram_guest;
	int ret;

	if (mg->pdev)
		return -EBUSY;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev);
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	mg->bell = pcim_iomap(pdev, MRAM_BAR_BELL, 0);
	mg->buf = dmam_alloc_coherent(&pdev->dev, MRAM_GUEST_DMA_BYTES,
				      &mg->dma, GFP_KERNEL);
	if (!mg->bell || !mg->buf)
		return -ENOMEM;
	init_waitqueue_head(&mg->wq);
	atomic_set(&mg->count, 0);
	ret = pci_alloc_irq_vectors(pdev, 1, 1,
				    msi ? PCI_IRQ_MSI : PCI_IRQ_INTX);
	if (ret < 0)
		return ret;
	iowrite32(~0U, mg->bell + MRAM_REG_IRQ_STATUS);
	ret = devm_request_irq(&pdev->dev, pci_irq_vector(pdev, 0),
			       mram_guest_irq, IRQF_SHARED, "mram", mg);
	if (ret)
		goto err_free_vectors;
	mg->pdev = pdev;
	ret = misc_register(&mram_guest_misc);
	if (ret)
		goto err_forget;
	iowrite32(MRAM_IRQ_DONE, mg->bell + MRAM_REG_IRQ_ENABLE);
	return 0;

err_forget:
	mg->pdev = NULL;
	devm_free_irq(&pdev->dev, pci_irq_vector(pdev, 0), mg);
err_free_vectors:
	pci_free_irq_vectors(pdev);
	return ret;
}

static void mram_guest_remove(struct pci_dev *pdev)
{
	struct mram_guest *mg = &mram_guest;

	iowrite32(0, mg->bell + MRAM_REG_IRQ_ENABLE);
	misc_deregister(&mram_guest_misc);
	devm_free_irq(&pdev->dev, pci_irq_vector(pdev, 0), mg);
	pci_free_irq_vectors(pdev);
	mg->pdev = NULL;
}

static const struct pci_device_id mram_guest_ids[] = {
	{ PCI_DEVICE(VFIO_MDEV_PCI_VENDOR, VFIO_MDEV_PCI_DEVICE_MRAM) },
	{ }
};
MODULE_DEVICE_TABLE(pci, mram_guest_ids);

static struct pci_driver mram_guest_driver = {
	.name = "mram_guest",
	.id_table = mram_guest_ids,
	.probe = mram_guest_probe,
	.remove = mram_guest_remove,
};

static int __init mram_guest_init(void)
{
	return pci_register_driver(&mram_guest_driver);
}

static void __exit mram_guest_exit(void)
{
	pci_unregister_driver(&mram_guest_driver);
	if (mram_guest_slots)
		outl(mram_guest_slots, HOTPLUG_EJECT);
}

module_init(mram_guest_init);
module_exit(mram_guest_exit);

MODULE_DESCRIPTION("Guest driver of the mram sample, for tests");
MODULE_LICENSE("GPL");
