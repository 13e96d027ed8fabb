package com.k8s.Order;

/** The demo's service; ids with a meaning are in interop.Peers. */
public interface OrderProvider {
  Order GetOrder(String id);

  String SetOrder(Order order);
}
