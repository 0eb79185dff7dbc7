import { mount } from "../parts/mount";
import { Keys } from "./Keys";
import "./keys.css";

mount(<Keys />);
