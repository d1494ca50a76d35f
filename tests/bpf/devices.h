/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The dataplane on real devices, through the controller's own interface to it (io/dataplane).
 *
 *   host0 ==veth== vpc0 [XDP, tc] --> tunnel0 (TUN)     frames written on host0 are read from the
 * TUN tunnel0 [tc] --> vpc1 ==veth== host1                and the other way round
 *
 * In network and mount namespaces of its own.
 */
#ifndef TESTS_BPF_DEVICES_H
#define TESTS_BPF_DEVICES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "io/dataplane.h"
#include "packet.h"

#define TABLE	    1
#define SOURCES	    2
#define ROOM	    1 /* attachments */
#define VPC	    2
#define TAGGED	    3
#define QINQ	    4
#define CONNECTION  5
#define TUNNEL	    1
#define GROUP	    1
#define DEADLINE_MS 3000

extern char bpffs[64], pins[80];
extern struct dataplane *plane;
extern uint32_t vpc0, vpc1, host0, host1, tunnel0;
extern int tun, wire0, wire1; /* the TUN, and packet sockets on host0 and host1 */
extern struct association_key untagged;
extern const uint8_t neighbour_mac[6], vpc1_mac[6];

void sh(const char *command);
int packet_socket(uint32_t ifindex);
void make_ground(void);
void unmake_ground(void);
void route(uint32_t table, const char *text, enum verdict verdict, uint32_t target);
void associate(uint16_t outer, uint16_t inner, uint32_t attachment, uint8_t flags);
void set_device(struct device value);
void open_plane(void);
int setup_xdp(void **state);
int setup_tc(void **state);
int teardown(void **state);
void drain(int fd);
void send_frame(const struct frame *f);
size_t receive_host1(uint8_t *out, size_t size, uint16_t *tag);
void assert_through_tunnel(const struct packet_spec *spec);
void assert_frame(const struct frame *hop, uint16_t tag);
void assert_to_device(const struct packet_spec *spec);
void assert_back_from_tunnel(const struct packet_spec *spec, uint16_t tag);
struct counter counted(uint32_t attachment, enum reason reason);
void wait_for(uint32_t attachment, enum reason reason, uint64_t packets);

#endif
