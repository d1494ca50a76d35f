/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>
#include "gateway_neighbours.h"
#include "io/neighbour_feed.h"
#include "io/netdev.h"

#define NS_PER_S  1000000000ull
#define US_PER_S  1000000ull
#define LEASE_S	  60 /* longer than the kernel holds a neighbour for reachable unasked: 45 s */
#define RENEWAL_S 20
#define SLACK_US  1000000

struct neighbours {
	struct neighbour_feed *feed;
	struct netdev *netdev; /* NULL: the kernel does not tell what devices can do */
	sd_event_source *timer;
	uint64_t until; /* of the leases that are given now */
	uint32_t devices[MAX_ATTACHMENTS];
	size_t device_count; /* that neighbours were read of */
};

static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* ---- one neighbour ---- */

static bool concerns(const struct neighbours *n, uint32_t ifindex)
{
	for (size_t i = 0; i < n->device_count; i++)
		if (n->devices[i] == ifindex)
			return true;
	return false;
}

static void key_of(const struct neighbour_event *e, struct neighbour_key *key)
{
	static const uint8_t mapped[] = { [10] = 0xff, [11] = 0xff };

	key->ifindex = e->ifindex;
	if (e->address.family == AF_INET6) {
		memcpy(key->address, e->address.bytes, sizeof(key->address));
		return;
	}
	memcpy(key->address, mapped, sizeof(mapped));
	memcpy(key->address + sizeof(mapped), e->address.bytes, 4);
}

static void lease(struct gateway *g, const struct neighbour_event *e, bool used)
{
	struct neighbour value = { .until = g->neighbours->until, .used = used };
	struct neighbour_key key;

	key_of(e, &key);
	memcpy(value.mac, e->mac, sizeof(value.mac));
	/* Full: whoever has no lease is the kernel's business, as before. */
	dataplane_set_neighbour(g->dataplane, &key, &value);
}

/* True: packets were sent there by its lease. */
static bool end_lease(struct gateway *g, const struct neighbour_event *e)
{
	struct neighbour_key key;
	struct neighbour was;
	bool used;

	key_of(e, &key);
	used = !dataplane_get_neighbour(g->dataplane, &key, &was) && was.used;
	dataplane_delete_neighbour(g->dataplane, &key);
	return used;
}

static int follow(const struct neighbour_event *e, void *data)
{
	struct gateway *g = data;

	if (!concerns(g->neighbours, e->ifindex))
		return 0;
	switch (e->state) {
	case NEIGHBOUR_CERTAIN:
		g->neighbours->until = monotonic() + LEASE_S * NS_PER_S;
		lease(g, e, false);
		break;
	case NEIGHBOUR_DOUBTED:
		if (end_lease(g, e))
			neighbour_feed_probe(g->neighbours->feed, e);
		break;
	case NEIGHBOUR_GONE:
		end_lease(g, e);
		break;
	}
	return 0;
}

/* ---- all of them ---- */

static int renew_one(const struct neighbour_event *e, void *data)
{
	struct gateway *g = data;
	struct neighbour_key key;
	struct neighbour was;

	if (e->state != NEIGHBOUR_CERTAIN || !concerns(g->neighbours, e->ifindex))
		return 0;
	key_of(e, &key);
	lease(g, e, !dataplane_get_neighbour(g->dataplane, &key, &was) && was.used);
	return 0;
}

static int sweep_one(const struct neighbour_key *key, const struct neighbour *value, void *data)
{
	struct gateway *g = data;

	if (value->until != g->neighbours->until)
		dataplane_delete_neighbour(g->dataplane, key);
	return 0;
}

static void renew(struct gateway *g)
{
	struct neighbours *n = g->neighbours;
	int err;

	n->until = monotonic() + LEASE_S * NS_PER_S;
	err = neighbour_feed_dump(n->feed, renew_one, g);
	if (!err)
		err = dataplane_each_neighbour(g->dataplane, sweep_one, g);
	if (err)
		gateway_log(LOG_WARNING,
			    "cannot read the kernel's neighbours, their leases end: %s",
			    strerror(-err));
}

static int on_renewal(sd_event_source *source, uint64_t usec, void *data)
{
	struct gateway *g = data;

	(void)usec;
	if (g->neighbours->device_count)
		renew(g);
	sd_event_source_set_time_relative(source, RENEWAL_S * US_PER_S);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_feed(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct gateway *g = data;
	int err = neighbour_feed_receive(g->neighbours->feed, follow, g);

	(void)source;
	(void)fd;
	(void)events;
	if (err == -ENOBUFS)
		renew(g);
	else if (err)
		gateway_log(LOG_ERR, "cannot follow the kernel's neighbours: %s", strerror(-err));
	return err == -ENOBUFS ? 0 : err;
}

/* ---- devices ---- */

bool neighbours_redirectable(struct gateway *g, size_t attachment)
{
	const struct gateway_attachment *run = &g->attachments[attachment];

	return run->ifindex && !run->l3 && g->config.attachments[attachment].xdp != XDP_OFF &&
	       netdev_takes_redirects(g->neighbours->netdev, run->ifindex);
}

void neighbours_located(struct gateway *g)
{
	struct neighbours *n = g->neighbours;
	uint32_t now[MAX_ATTACHMENTS] = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < g->config.attachment_count && count < MAX_ATTACHMENTS; i++)
		if (g->attachments[i].told.redirect)
			now[count++] = g->attachments[i].told.ifindex;
	if (count == n->device_count && !memcmp(now, n->devices, count * sizeof(now[0])))
		return;
	memcpy(n->devices, now, count * sizeof(now[0]));
	n->device_count = count;
	renew(g);
}

struct tally {
	uint32_t ifindex;
	size_t count;
};

static int count_one(const struct neighbour_key *key, const struct neighbour *value, void *data)
{
	struct tally *t = data;

	(void)value;
	t->count += key->ifindex == t->ifindex;
	return 0;
}

size_t neighbours_leased(struct gateway *g, uint32_t ifindex)
{
	struct tally t = { .ifindex = ifindex };

	dataplane_each_neighbour(g->dataplane, count_one, &t);
	return t.count;
}

/* What a veth takes depends on its peer, which may be in another namespace: no link event. */
static int on_netdev(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct gateway *g = data;

	(void)source;
	(void)fd;
	(void)events;
	g->devices_settled = false;
	gateway_request_update(g, 0);
	return netdev_drain(g->neighbours->netdev);
}

/* ---- begin, end ---- */

int neighbours_open(struct gateway *g)
{
	int err;

	g->neighbours = calloc(1, sizeof(*g->neighbours));
	err = g->neighbours ? neighbour_feed_open(&g->neighbours->feed) : -ENOMEM;
	if (err) {
		gateway_log(LOG_ERR, "cannot subscribe to the kernel's neighbours: %s",
			    strerror(-err));
		return err;
	}
	if (netdev_open(&g->neighbours->netdev))
		gateway_log(LOG_NOTICE, "this kernel does not tell which devices take frames from "
					"XDP (Linux 6.3 does): between attachments tc delivers");
	return 0;
}

int neighbours_add_events(struct gateway *g)
{
	struct neighbours *n = g->neighbours;
	int err = sd_event_add_time_relative(g->event, &n->timer, CLOCK_MONOTONIC,
					     RENEWAL_S * US_PER_S, SLACK_US, on_renewal, g);

	if (err >= 0)
		err = gateway_add_io(g, neighbour_feed_fd(n->feed), on_feed,
				     SD_EVENT_PRIORITY_NORMAL);
	if (err >= 0 && n->netdev)
		err = gateway_add_io(g, netdev_fd(n->netdev), on_netdev, SD_EVENT_PRIORITY_NORMAL);
	return err < 0 ? err : 0;
}

void neighbours_close(struct gateway *g)
{
	if (!g->neighbours)
		return;
	sd_event_source_unref(g->neighbours->timer);
	neighbour_feed_close(g->neighbours->feed);
	netdev_close(g->neighbours->netdev);
	free(g->neighbours);
	g->neighbours = NULL;
}
