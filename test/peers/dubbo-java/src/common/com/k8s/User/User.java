package com.k8s.User;

import java.io.Serializable;
import java.util.Date;

/** A record of the demo, with a field of each kind that serializations write in their own way. */
public class User implements Serializable {
  private static final long serialVersionUID = 1;

  public String id;
  public String name;
  public Date time;
  public int[] counts;

  public User() {}

  public User(String id, String name) {
    this.id = id;
    this.name = name;
    this.time = new Date(0);
    this.counts = new int[] {1, 2, 3};
  }
}
