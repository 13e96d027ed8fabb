package com.k8s.User;

/** The demo's service; ids with a meaning are in interop.Peers. */
public interface UserProvider {
  User GetUser(String id);

  String SetUser(User user);
}
