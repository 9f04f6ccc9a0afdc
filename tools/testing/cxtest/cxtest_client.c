// SPDX-License-Identifier: GPL-2.0-only
/*
 * cxtest: a client of the adapter's that counts its calls
 *
 * What it counts is about the adapter "t" only.
 */
#include <linux/module.h>
#include <linux/string.h>

#include "cxtest_priv.h"

/* Protects registered, and starting anew */
static DEFINE_MUTEX(client_lock);
static bool client_registered;
static bool client_closes;
static struct cxtest_client client_count;
static atomic_t client_inside;
static bool client_has_it, client_resetting;

/* false: it is not about ours */
static bool client_enter(struct cxlflash_adapter *ad, u32 *count, bool in_order)
{
	might_sleep();
	if (strcmp(dev_name(cxlflash_adapter_dev(ad)), "t"))
		return false;
	if (atomic_inc_return(&client_inside) != 1 || !in_order)
		client_count.wrong++;
	WRITE_ONCE(*count, *count + 1);
	return true;
}

static void client_leave(void)
{
	atomic_dec(&client_inside);
}

static int client_added(struct cxlflash_adapter *ad)
{
	if (!client_enter(ad, &client_count.added, !client_has_it))
		return 0;
	client_has_it = true;
	client_leave();
	return 0;
}

static void client_removing(struct cxlflash_adapter *ad)
{
	if (!client_enter(ad, &client_count.removing,
			  client_has_it && !client_resetting))
		return;
	client_has_it = false;
	client_leave();
}

static void client_luns_changed(struct cxlflash_adapter *ad)
{
	struct cxlflash_lun_space space;
	u32 nr_luns = 0, nr_active = 0;
	struct cxlflash_lun *lun;
	unsigned int port = 0;
	u64 lun_id = 0;

	if (!client_enter(ad, &client_count.changed,
			  client_has_it && !client_resetting))
		return;
	for (; (lun = cxlflash_lun_next(ad, &port, &lun_id)); lun_id++) {
		nr_luns++;
		nr_active += !cxlflash_lun_get_space(lun, &space);
		cxlflash_lun_put(lun);
	}
	WRITE_ONCE(client_count.nr_luns, nr_luns);
	WRITE_ONCE(client_count.nr_active, nr_active);
	client_leave();
}

static void client_lun_removing(struct cxlflash_adapter *ad,
				struct cxlflash_lun *lun)
{
	if (!client_enter(ad, &client_count.lun_removing,
			  client_has_it && !client_resetting))
		return;
	if (client_closes)
		cxtest_slices_close_lun(lun);
	client_leave();
}

static void client_reset_begin(struct cxlflash_adapter *ad)
{
	if (!client_enter(ad, &client_count.reset_begin,
			  client_has_it && !client_resetting))
		return;
	client_resetting = true;
	client_leave();
}

static void client_reset_end(struct cxlflash_adapter *ad, int error)
{
	if (!client_enter(ad, &client_count.reset_end,
			  client_has_it && client_resetting))
		return;
	client_resetting = false;
	WRITE_ONCE(client_count.error, error);
	client_leave();
}

static struct cxlflash_client cxtest_adapter_client = {
	.owner = THIS_MODULE,
	.adapter_added = client_added,
	.adapter_removing = client_removing,
	.luns_changed = client_luns_changed,
	.lun_removing = client_lun_removing,
	.reset_begin = client_reset_begin,
	.reset_end = client_reset_end,
};

static int client_register(bool closes)
{
	int ret;

	lockdep_assert_held(&client_lock);
	if (client_registered)
		return -EBUSY;
	memset(&client_count, 0, sizeof(client_count));
	client_closes = closes;
	ret = cxlflash_client_register(&cxtest_adapter_client);
	client_registered = !ret;
	return ret;
}

static void client_unregister(void)
{
	lockdep_assert_held(&client_lock);
	if (!client_registered)
		return;
	cxlflash_client_unregister(&cxtest_adapter_client);
	client_registered = false;
}

/**
 * cxtest_client() - the ioctl
 * @arg: what to do, and the result
 *
 * Context: May sleep.
 * Return: 0; -EINVAL; -EBUSY: it is registered.
 */
int cxtest_client(struct cxtest_client *arg)
{
	u32 what = arg->what;
	int ret = 0;

	guard(mutex)(&client_lock);
	switch (what) {
	case CXTEST_CLIENT_REGISTER:
	case CXTEST_CLIENT_CLOSES:
		ret = client_register(what == CXTEST_CLIENT_CLOSES);
		break;
	case CXTEST_CLIENT_READ:
		break;
	case CXTEST_CLIENT_UNREGISTER:
		client_unregister();
		break;
	default:
		return -EINVAL;
	}
	*arg = client_count;
	arg->what = what;
	return ret;
}

/**
 * cxtest_client_end() - the module goes
 *
 * Context: May sleep.
 */
void cxtest_client_end(void)
{
	guard(mutex)(&client_lock);
	client_unregister();
}
