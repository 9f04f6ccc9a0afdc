// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients: modules that want to know of adapters
 *
 * A *link* says that a client was told of an adapter and has taken it.  It is
 * made when the later of both comes, and broken when the first of both goes.
 * All calls about an adapter are made under its @client_lock, so they come one
 * at a time; a reset holds it from its begin to its end.
 *
 * No reference on a client's module is held: unregistering waits for a call
 * that is under way, makes the last calls, and after it there are none.
 *
 * Locks: clients_lock (who there is; over calls) > ad->client_lock.  Both are
 * taken with locks of configfs and, for a reset, ad->reset_lock held, and with
 * none that the API takes.
 *
 * Locals: client, link, ad.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "afu.h"
#include "client.h"

/**
 * struct client_link - a client that has an adapter
 * @node: in the adapter's list
 * @client: that
 */
struct client_link {
	struct list_head node;
	struct cxlflash_client *client;
};

/* Protects clients, client_adapters */
static DEFINE_MUTEX(clients_lock);
static LIST_HEAD(clients);
/* Those that are live, or whose links are being broken. */
static LIST_HEAD(client_adapters);
static struct workqueue_struct *client_wq;

/* ----------------------------------------------------------------- links */

static void client_link(struct cxlflash_adapter *ad,
			struct cxlflash_client *client)
{
	struct client_link *link;
	int ret = -ENOMEM;

	guard(mutex)(&ad->client_lock);
	/* It goes: who registers now has come too late. */
	if (ad->clients_gone)
		return;
	link = kmalloc(sizeof(*link), GFP_KERNEL);
	if (link)
		ret = client->adapter_added ? client->adapter_added(ad) : 0;
	if (ret) {
		dev_err(&ad->dev, "%s does not take the adapter: %d\n",
			module_name(client->owner), ret);
		kfree(link);
		return;
	}
	link->client = client;
	list_add_tail(&link->node, &ad->client_links);
}

static void client_break(struct cxlflash_adapter *ad, struct client_link *link)
{
	lockdep_assert_held(&ad->client_lock);
	if (link->client->adapter_removing)
		link->client->adapter_removing(ad);
	list_del(&link->node);
	kfree(link);
}

static void client_unlink(struct cxlflash_adapter *ad,
			  struct cxlflash_client *client)
{
	struct client_link *link, *next;

	guard(mutex)(&ad->client_lock);
	list_for_each_entry_safe(link, next, &ad->client_links, node)
		if (link->client == client)
			client_break(ad, link);
}

/**
 * cxlflash_client_register() - hear of adapters
 * @client: valid until it is unregistered
 *
 * Calls may come from here on, for the adapters that there are before this
 * returns.  An adapter that the client does not take (@adapter_added fails) is
 * not spoken of again.
 *
 * Context: may sleep; not from a call; holds no lock that calls take.
 * Return: 0; -EINVAL without a module.
 */
int cxlflash_client_register(struct cxlflash_client *client)
{
	struct cxlflash_adapter *ad;

	if (!client->owner)
		return -EINVAL;
	guard(mutex)(&clients_lock);
	list_add_tail(&client->node, &clients);
	list_for_each_entry(ad, &client_adapters, client_node)
		client_link(ad, client);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_client_register, CXLFLASH_AFU);

/**
 * cxlflash_client_unregister() - and no more
 * @client: registered
 *
 * @adapter_removing is called for each adapter that it has taken; after this
 * returns nothing is.
 *
 * Context: may sleep, as long as those calls take; not from a call; holds no
 * lock that calls take.
 */
void cxlflash_client_unregister(struct cxlflash_client *client)
{
	struct cxlflash_adapter *ad;

	guard(mutex)(&clients_lock);
	list_del(&client->node);
	list_for_each_entry(ad, &client_adapters, client_node)
		client_unlink(ad, client);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_client_unregister, CXLFLASH_AFU);

/* ----------------------------------------------------------------- calls */

/**
 * client_adapter_added() - there is an adapter
 * @ad: live
 *
 * Context: may sleep, as clients do.
 */
void client_adapter_added(struct cxlflash_adapter *ad)
{
	struct cxlflash_client *client;

	guard(mutex)(&clients_lock);
	list_add_tail(&ad->client_node, &client_adapters);
	list_for_each_entry(client, &clients, node)
		client_link(ad, client);
}

/**
 * client_adapter_removing() - it goes
 * @ad: adapter, also one that was never added; on return no client has it
 *
 * Context: may sleep, bounded as clients are.
 */
void client_adapter_removing(struct cxlflash_adapter *ad)
{
	struct client_link *link, *next;

	mutex_lock(&ad->client_lock);
	ad->clients_gone = true;
	list_for_each_entry_safe(link, next, &ad->client_links, node)
		client_break(ad, link);
	mutex_unlock(&ad->client_lock);
	/* Only now: who unregisters meanwhile has waited for @client_lock. */
	mutex_lock(&clients_lock);
	list_del_init(&ad->client_node);
	mutex_unlock(&clients_lock);
}

static void client_luns_work(struct work_struct *work)
{
	struct cxlflash_adapter *ad = container_of(work,
						   struct cxlflash_adapter,
						   client_work);
	struct client_link *link;

	mutex_lock(&ad->client_lock);
	list_for_each_entry(link, &ad->client_links, node)
		if (link->client->luns_changed)
			link->client->luns_changed(ad);
	mutex_unlock(&ad->client_lock);
	/* client_exit() waits for the rest of this function. */
	cxlflash_adapter_put(ad);
}

/**
 * client_luns_changed() - clients are to look at an adapter's LUNs again
 * @ad: adapter; referenced
 *
 * Later, in a worker; several of these may become one call.
 *
 * Context: any.
 */
void client_luns_changed(struct cxlflash_adapter *ad)
{
	cxlflash_adapter_get(ad);
	if (!queue_work(client_wq, &ad->client_work))
		cxlflash_adapter_put(ad);
}

/**
 * client_flush() - wait until clients have looked at an adapter's LUNs
 * @ad: adapter; referenced
 *
 * Context: may sleep, as long as calls about @ad take.  Takes
 * @ad->client_lock, and so does a reset.
 */
void client_flush(struct cxlflash_adapter *ad)
{
	flush_work(&ad->client_work);
}

/**
 * client_lun_removing() - a LUN goes from an adapter, or is deactivated
 * @ad: adapter
 * @lun: that
 *
 * Context: may sleep, bounded as clients are.
 */
void client_lun_removing(struct cxlflash_adapter *ad, struct cxlflash_lun *lun)
{
	struct client_link *link;

	guard(mutex)(&ad->client_lock);
	list_for_each_entry(link, &ad->client_links, node)
		if (link->client->lun_removing)
			link->client->lun_removing(ad, lun);
}

/**
 * client_reset_begin() - the second phase of a reset begins
 * @ad: adapter; its contexts have failed and are drained as far as they will
 *
 * Context: may sleep; under @ad->reset_lock.  Takes @ad->client_lock, until
 * client_reset_end().
 */
void client_reset_begin(struct cxlflash_adapter *ad)
{
	struct client_link *link;

	mutex_lock(&ad->client_lock);
	list_for_each_entry(link, &ad->client_links, node)
		if (link->client->reset_begin)
			link->client->reset_begin(ad);
}

/**
 * client_reset_end() - it is over
 * @ad: of client_reset_begin()
 * @error: 0 if all contexts are restarted
 *
 * Context: may sleep; under @ad->reset_lock.
 */
void client_reset_end(struct cxlflash_adapter *ad, int error)
{
	struct client_link *link;

	lockdep_assert_held(&ad->client_lock);
	list_for_each_entry(link, &ad->client_links, node)
		if (link->client->reset_end)
			link->client->reset_end(ad, error);
	mutex_unlock(&ad->client_lock);
}

/**
 * cxlflash_adapter_grace_ms() - how long a removal may wait for users
 * @ad: adapter
 *
 * Context: any.
 * Return: milliseconds.
 */
unsigned int cxlflash_adapter_grace_ms(struct cxlflash_adapter *ad)
{
	return READ_ONCE(ad->grace_ms);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_adapter_grace_ms, CXLFLASH_AFU);

/* ------------------------------------------------------------------ life */

/**
 * client_adapter_init() - an adapter without clients
 * @ad: being made
 *
 * Context: any.
 */
void client_adapter_init(struct cxlflash_adapter *ad)
{
	mutex_init(&ad->client_lock);
	INIT_LIST_HEAD(&ad->client_links);
	INIT_LIST_HEAD(&ad->client_node);
	INIT_WORK(&ad->client_work, client_luns_work);
}

/**
 * client_init() - at module load
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM.
 */
int client_init(void)
{
	client_wq = alloc_workqueue("cxlflash_client", WQ_UNBOUND, 0);
	return client_wq ? 0 : -ENOMEM;
}

/**
 * client_exit() - at module unload; there is no adapter and no client
 *
 * Context: may sleep.
 */
void client_exit(void)
{
	destroy_workqueue(client_wq);
}
