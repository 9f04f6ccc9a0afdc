// SPDX-License-Identifier: GPL-2.0-only
/*
 * cxlflash_pci.ko: the PCI function that a guest has for a slice
 *
 * It is a backend of cxlflash.ko: one LUN, which each context reaches by handle
 * 0.  What happens to the slice on its machine is told by events:
 *
 *  it grew, shrank, may or may not be written: the disk is looked at again;
 *  its adapter was reset: the contexts have forgotten all, the host starts
 *  them anew and sends again what was under way.
 *
 * What no event tells is seen by who looks, which we do now and then:
 *
 *  all contexts read as all-ones: the adapter has failed.  The host waits, and
 *  tries to reset;
 *  all registers do, and configuration space is not what it was: the function
 *  has been taken away.  Its disk goes at once, commands fail.
 */
#include <linux/dma-mapping.h>
#include <linux/group_cpus.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "func.h"

#define FUNC_WATCH_PERIOD	HZ
/* Of a scatter list: what the host makes use of. */
#define FUNC_SG_TABLESIZE	512

static int poll_queues = -1;
module_param(poll_queues, int, 0444);
MODULE_PARM_DESC(poll_queues,
		 "queues without interrupts, for polled I/O (-1: what is left with one queue for each CPU)");

/**
 * func_is_gone() - has the function been taken away?
 * @func: function
 *
 * Then its configuration space is nobody's, and what it reads as is not ours.
 *
 * Context: any.
 * Return: true if it has
 */
bool func_is_gone(const struct slice_func *func)
{
	u16 vendor = 0, device = 0;

	if (pci_read_config_word(func->pdev, PCI_VENDOR_ID, &vendor) ||
	    pci_read_config_word(func->pdev, PCI_DEVICE_ID, &device))
		return true;
	return vendor != func->pdev->vendor || device != func->pdev->device;
}

/*
 * Events
 */

static void func_handle(struct slice_func *func, u64 events)
{
	struct cxlflash_backend *be = &func->be;

	lockdep_assert_held(&func->lock);

	/* First, so that what comes from here on is seen the next time. */
	func_write(func, 0, SLICE_REG_EVENTS, events);
	if (events & SLICE_EVENT_RESET) {
		cxlflash_backend_failed(be);
		cxlflash_backend_recovered(be);
	}
	if (events & (SLICE_EVENT_SIZE | SLICE_EVENT_READ_ONLY))
		cxlflash_backend_rescan(be, 0);
}

/* Return: false if there is no function any more. */
static bool func_check(struct slice_func *func)
{
	u64 events;

	lockdep_assert_held(&func->lock);

	events = func_read(func, 0, SLICE_REG_EVENTS);
	if (events == SISL_ALL_ONES) {
		/* Or it has only been turned off, by who resets it. */
		if (!func_is_gone(func))
			return true;
		queue_work(system_unbound_wq, &func->gone);
		return false;
	}
	if (events)
		func_handle(func, events);
	else if (!hwq_check(func))
		cxlflash_backend_failed(&func->be);
	return true;
}

static irqreturn_t func_irq(int irq, void *data)
{
	struct slice_func *func = data;

	guard(mutex)(&func->lock);
	func_check(func);
	return IRQ_HANDLED;
}

static void func_watch(struct work_struct *work)
{
	struct slice_func *func = container_of(to_delayed_work(work),
					       struct slice_func, watch);

	guard(mutex)(&func->lock);
	if (func_check(func))
		queue_delayed_work(system_unbound_wq, &func->watch,
				   round_jiffies_relative(FUNC_WATCH_PERIOD));
}

/*
 * The SCSI host
 */

static int func_register(struct slice_func *func)
{
	struct cxlflash_backend *be = &func->be;
	int ret;

	be->dev = &func->pdev->dev;
	be->ops = &hwq_backend_ops;
	be->name = pci_name(func->pdev);
	be->nr_ports = 1;
	be->nr_poll_queues = func->nr_poll;
	be->nr_queues = func->nr_queues - func->nr_poll;
	/* A store to a register leaves the guest, one to memory does not. */
	be->use_sq = true;
	be->by_handle = true;
	be->max_lun = 0;
	be->sg_tablesize = FUNC_SG_TABLESIZE;

	guard(mutex)(&func->host_mutex);
	/* What happened before is nothing to the host. */
	func_write(func, 0, SLICE_REG_EVENTS, SISL_ALL_ONES);
	ret = cxlflash_backend_register(be);
	func->has_host = !ret;
	return ret;
}

static void func_unregister(struct slice_func *func)
{
	guard(mutex)(&func->host_mutex);
	if (func->has_host)
		cxlflash_backend_unregister(&func->be);
	func->has_host = false;
}

static void func_gone(struct work_struct *work)
{
	struct slice_func *func = container_of(work, struct slice_func, gone);

	dev_warn(&func->pdev->dev, "the function is gone\n");
	func_unregister(func);
}

/*
 * The function
 */

static int func_identify(struct slice_func *func)
{
	struct pci_dev *pdev = func->pdev;
	u64 nr;

	if (pci_resource_len(pdev, SLICE_BAR_REGS) < SISL_HOST_SIZE)
		return -ENODEV;
	func->bar = pcim_iomap(pdev, SLICE_BAR_REGS, 0);
	if (!func->bar)
		return -ENOMEM;
	if (func_read(func, 0, SLICE_REG_MAGIC) != SLICE_MAGIC)
		return dev_err_probe(&pdev->dev, -ENODEV, "no slice\n");
	if (func_read(func, 0, SLICE_REG_VERSION) != SLICE_VERSION)
		return dev_err_probe(&pdev->dev, -ENODEV, "unknown version\n");
	nr = func_read(func, 0, SLICE_REG_NR_QUEUES);
	nr = min(nr, SLICE_MAX_QUEUES);
	nr = min(nr, pci_resource_len(pdev, SLICE_BAR_REGS) / SISL_HOST_SIZE);
	if (!nr)
		return -ENODEV;
	func->nr_queues = nr;
	return 0;
}

/* How many of the contexts are polled. */
static unsigned int func_nr_poll(const struct slice_func *func)
{
	unsigned int cpus = num_online_cpus(), nr = func->nr_queues;

	if (poll_queues < 0)
		return nr > cpus ? min(nr - cpus, cpus) : 0;
	/* Without interrupts there would be no progress for most. */
	return min3((unsigned int)poll_queues, nr - 1, cpus);
}

static int func_alloc_vectors(struct slice_func *func)
{
	int nr;

	nr = pci_alloc_irq_vectors(func->pdev, SLICE_NR_VECTORS(1),
				   SLICE_NR_VECTORS(func->nr_queues),
				   PCI_IRQ_MSIX);
	if (nr < 0)
		return nr;
	func->nr_queues = nr - SLICE_NR_VECTORS(0);
	func->nr_poll = func_nr_poll(func);
	func->nr_masks = min(func->nr_queues - func->nr_poll,
			     num_online_cpus());
	/* As the block layer spreads queues over CPUs. */
	func->masks = group_cpus_evenly(func->nr_masks);
	if (!func->masks) {
		pci_free_irq_vectors(func->pdev);
		return -ENOMEM;
	}
	return 0;
}

static void func_free_vectors(struct slice_func *func)
{
	pci_free_irq_vectors(func->pdev);
	kfree(func->masks);
}

/* Registered first: the host makes nothing of events before it is there. */
static int func_start(struct slice_func *func)
{
	int irq = pci_irq_vector(func->pdev, SLICE_VECTOR_FUNCTION);
	int ret;

	ret = func_register(func);
	if (ret)
		return ret;
	ret = request_threaded_irq(irq, NULL, func_irq, IRQF_ONESHOT,
				   "cxlflash-function", func);
	if (ret) {
		func_unregister(func);
		return ret;
	}
	/* What has happened meanwhile is found at once. */
	queue_delayed_work(system_unbound_wq, &func->watch, 0);
	return 0;
}

static void func_stop(struct slice_func *func)
{
	free_irq(pci_irq_vector(func->pdev, SLICE_VECTOR_FUNCTION), func);
	cancel_delayed_work_sync(&func->watch);
	cancel_work_sync(&func->gone);
	func_unregister(func);
}

static int func_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct slice_func *func;
	int ret;

	func = devm_kzalloc(&pdev->dev, sizeof(*func), GFP_KERNEL);
	if (!func)
		return -ENOMEM;
	func->pdev = pdev;
	mutex_init(&func->lock);
	mutex_init(&func->host_mutex);
	INIT_WORK(&func->gone, func_gone);
	INIT_DELAYED_WORK(&func->watch, func_watch);

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	ret = func_identify(func);
	if (ret)
		return ret;
	pci_set_master(pdev);
	ret = func_alloc_vectors(func);
	if (ret)
		goto err_clear_master;
	pci_set_drvdata(pdev, func);
	ret = func_start(func);
	if (ret)
		goto err_free_vectors;
	return 0;

err_free_vectors:
	func_free_vectors(func);
err_clear_master:
	pci_clear_master(pdev);
	return ret;
}

static void func_remove(struct pci_dev *pdev)
{
	struct slice_func *func = pci_get_drvdata(pdev);

	func_stop(func);
	func_free_vectors(func);
	pci_clear_master(pdev);
}

/* Another kernel may follow, whose memory is not ours to write to. */
static void func_shutdown(struct pci_dev *pdev)
{
	func_stop(pci_get_drvdata(pdev));
	pci_clear_master(pdev);
}

/* Somebody resets the function: an administrator, or hwq_reset(). */
static void func_reset_prepare(struct pci_dev *pdev)
{
	struct slice_func *func = pci_get_drvdata(pdev);

	cxlflash_backend_failed(&func->be);
}

static void func_reset_done(struct pci_dev *pdev)
{
	struct slice_func *func = pci_get_drvdata(pdev);

	cxlflash_backend_recovered(&func->be);
}

static const struct pci_error_handlers func_err_handlers = {
	.reset_prepare = func_reset_prepare,
	.reset_done = func_reset_done,
};

static const struct pci_device_id func_ids[] = {
	{ PCI_DEVICE(VFIO_MDEV_PCI_VENDOR, VFIO_MDEV_PCI_DEVICE_SLICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, func_ids);

static struct pci_driver func_driver = {
	.name = "cxlflash_pci",
	.id_table = func_ids,
	.probe = func_probe,
	.remove = func_remove,
	.shutdown = func_shutdown,
	.err_handler = &func_err_handlers,
};
module_pci_driver(func_driver);

MODULE_DESCRIPTION("CXL flash: slices inside a virtual machine");
MODULE_AUTHOR("The VFIO mediated-device framework's authors");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(CXLFLASH);
