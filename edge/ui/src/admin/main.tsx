import { mount } from "../parts/mount";
import { Console } from "./Console";
import "./admin.css";

mount(<Console />);
